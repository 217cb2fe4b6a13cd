"""A discord.py client; says what it sees as JSON lines, as bots.mjs does."""

import asyncio
import json
import sys
import time

import discord
import yarl

url, token = sys.argv[1:3]
discord.http.Route.BASE = url + '/api/v10'
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url.replace('http', 'ws', 1) + '/')


def say(what, **more):
    print(json.dumps(dict(bot=0, what=what, at=int(time.time() * 1000), **more)), flush=True)


class Bot(discord.Client):
    async def on_ready(self):
        say('ready', guilds=[str(g.id) for g in self.guilds])

    async def on_resumed(self):
        say('resumed')

    async def on_disconnect(self):
        say('disconnected')

    async def on_message(self, message):
        say('message', content=message.content, guild=str(message.guild.id))

    async def on_socket_raw_receive(self, text):
        packet = json.loads(text)
        if packet.get('s'):
            say('s', s=packet['s'], t=packet['t'])


async def main():
    async with Bot(intents=discord.Intents.all(), enable_debug_events=True) as bot:
        await bot.start(token)

asyncio.run(main())
