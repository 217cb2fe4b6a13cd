"""A session's life: wrong tokens, resumes, several shards."""

import asyncio

import discord

from ..world import Watch, eq, step


@step('a wrong token is a LoginFailure')
async def _(w):
    client = Watch('wrong')
    try:
        await client.login('MTAwMDAwMDAwMDAwMDAwMDAx.AAAAAA.not-a-token-at-all-0000000')
    except discord.LoginFailure:
        return
    finally:
        await client.close()
    raise AssertionError('it was let in')


@step('missing privileged intents are told')
async def _(w):
    bot = w.people.bot(w.ann, 'plain', 0)
    client = Watch('plain')
    try:
        await asyncio.wait_for(client.start(bot.token), 15)
    except discord.PrivilegedIntentsRequired:
        return
    finally:
        await client.close()
    raise AssertionError('it was let in')


@step('application_info and the owner')
async def _(w):
    info = await w.a.application_info()
    eq((info.id, info.owner.id), (int(w.bot_a.application_id), int(w.ann.id)))


@step('a dropped line is resumed; what was said meanwhile comes once')
async def _(w):
    a, _ = await w.channel()
    before = w.b.ws
    session = before.session_id
    before.socket._writer.transport.abort()
    sent = [int(w.bot_a.rest.post('/channels/%d/messages' % a.id, {'content': 'missed %d' % i}).ok(200)['id']) for i in range(5)]
    await w.b.sees('resumed', seconds=15)
    await w.b.sees('message', lambda m: m.id == sent[-1])
    eq(w.b.ws.session_id, session, 'session')
    assert w.b.ws is not before
    later = await a.send('after')
    await w.b.sees('message', lambda m: m.id == later.id)
    got = [args[0].id for name, args in w.b.seen[w.b.start_at:] if name == 'message' and args[0].channel.id == a.id]
    eq(got, sent + [later.id])
    eq(w.b.count('ready'), 0, 'new sessions')


@step('two shards share the guilds')
async def _(w):
    class Sharded(discord.AutoShardedClient):
        pass
    client = Sharded(intents=discord.Intents.all(), shard_count=2)
    ready = asyncio.Event()

    @client.event
    async def on_ready():
        ready.set()
    task = asyncio.ensure_future(client.start(w.bot_a.token))
    try:
        await asyncio.wait_for(ready.wait(), 25)
        guild = client.get_guild(int(w.guild_id))
        eq(guild.shard_id, (int(w.guild_id) >> 22) % 2)
        eq(len(client.shards), 2)
    finally:
        await client.close()
        try:
            await asyncio.wait_for(task, 5)
        except Exception:
            pass


@step('latency is measured: heartbeats are answered')
async def _(w):
    assert w.a.latency < 5, w.a.latency
