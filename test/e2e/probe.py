#!/usr/bin/env python3
"""Shows what a bot gets from a server: READY, GUILD_CREATE and what follows, as they come over the wire.

    test/e2e/probe.py [--url http://127.0.0.1:8080] [--token TOKEN] [--v 10] [--compress zlib-stream] [--encoding etf]
                      [--intents N] [--user] [--seconds 5] [--say TEXT] [--full]

Without --url it starts a server of its own (ROOKERYD). Without --token it registers a person, makes a guild and a
bot and uses that. --user logs the person in instead of the bot. --say writes a message and shows its event.
"""

import argparse
import json
import os
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.gateway import ALL_INTENTS, Gateway  # noqa: E402
from lib.server import Server  # noqa: E402
from lib.world import World  # noqa: E402
from lib.ws import Closed  # noqa: E402


def shorten(value, full, depth=0):
    """Long lists keep their first item, so that a payload fits on a screen."""
    if full:
        return value
    if isinstance(value, dict):
        return {k: shorten(v, full, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        kept = [shorten(v, full, depth + 1) for v in value[:2]]
        return kept + ['... %d more' % (len(value) - 2)] if len(value) > 2 else kept
    return value


def show(payload, full):
    print('<-- op %s %s s=%s' % (payload['op'], payload['t'] or '', payload['s']))
    if payload.get('d') is not None:
        print(json.dumps(shorten(payload['d'], full), indent=2, ensure_ascii=False))


def main():
    parser = argparse.ArgumentParser(description='what a bot gets')
    parser.add_argument('--url')
    parser.add_argument('--token')
    parser.add_argument('--v', default='10')
    parser.add_argument('--compress')
    parser.add_argument('--encoding', default='json')
    parser.add_argument('--intents', type=int, default=ALL_INTENTS)
    parser.add_argument('--user', action='store_true')
    parser.add_argument('--seconds', type=float, default=2)
    parser.add_argument('--say')
    parser.add_argument('--full', action='store_true', help='whole lists')
    arguments = parser.parse_args()
    server = None
    if not arguments.url:
        server = Server().start()
        print('# ' + server.ready_line)
        arguments.url = server.url
    try:
        url = urllib.parse.urlparse(arguments.url)
        host, port = url.hostname, url.port or 80
        token, channel, rest = arguments.token, None, None
        if not token:
            world = World(host, port)
            person = world.person('probe')
            guild = world.guild(person, 'probe hall')
            channel = guild['system_channel_id']
            rest = person.rest
            print('# person %s, guild %s, channel %s, token %s' % (person.id, guild['id'], channel, person.token))
            if arguments.user:
                token = person.token
            else:
                bot = world.bot(person, 'probe bot')
                world.add_bot(person, bot, guild['id'])
                token, rest = bot.token, bot.rest
                print('# bot %s, token %s' % (bot.id, token))
        elif arguments.say:
            parser.error('--say needs a guild of its own: leave --token out')
        gateway = Gateway(host, port, v=arguments.v, encoding=arguments.encoding, compress=arguments.compress)
        gateway.hello()
        show(gateway.seen[-1], arguments.full)
        gateway.identify(token, None if arguments.user else arguments.intents)
        until = time.monotonic() + arguments.seconds
        said = not arguments.say
        while time.monotonic() < until:
            try:
                show(gateway.recv(max(0.01, min(0.5, until - time.monotonic()))), arguments.full)
            except TimeoutError:
                if not said:
                    said = True
                    answer = rest.post('/channels/%s/messages' % channel, {'content': arguments.say})
                    print('--> POST message: %d\n%s' % (answer.status, json.dumps(answer.body, indent=2, ensure_ascii=False)))
            except Closed as closed:
                print('<-- %s' % closed)
                return 1
        gateway.close()
        return 0
    finally:
        if server:
            server.done()


if __name__ == '__main__':
    sys.exit(main())
