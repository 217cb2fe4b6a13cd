"""Encodings and compressions: the same events in every dress."""

import json
import os
import zlib

from lib import etf
from lib.ws import BINARY, TEXT
from .base import Skip, eq, step
from .session import expect_close

try:
    import zstandard
except ImportError:
    zstandard = None


def plain(value):
    """Snowflakes may be numbers in ETF: everything long becomes text, so that encodings compare."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53:
        return str(value)
    return value


def start(scene, **more):
    if more.get('compress') == 'zstd-stream' and not zstandard:
        raise Skip('no zstandard here')
    return scene.bot.gateway(**more)


def talk(scene, gateway, count=5):
    """Some messages of different sizes through one session, and a heartbeat between."""
    for i in range(count):
        content = ('äöü 👋 %d ' % i) * (1 + i * 30)
        message = scene.say(scene.ann, content[:4000])
        d = gateway.wait('MESSAGE_CREATE', where=lambda d: str(d['id']) == message['id'])['d']
        eq(d['content'], message['content'])
        gateway.heartbeat()
        gateway.wait(op=11)
    numbers = [p['s'] for p in gateway.seen if p['op'] == 0]
    eq(numbers, list(range(numbers[0], numbers[0] + len(numbers))), 's')


@step('zlib-stream: one context, a flush after each message, HELLO included')
def _(scene):
    gateway = start(scene, compress='zlib-stream')
    talk(scene, gateway)
    gateway.close()


@step('zstd-stream: one frame for the whole connection')
def _(scene):
    gateway = start(scene, compress='zstd-stream')
    talk(scene, gateway)
    gateway.close()


@step('zlib-stream really is smaller')
def _(scene):
    gateway = start(scene, compress='zlib-stream')
    size = sum(len(json.dumps(p)) for p in gateway.seen)
    assert gateway.bytes_in < size * 0.8, '%d bytes for %d' % (gateway.bytes_in, size)
    gateway.close()


@step('payload compression: each frame a whole stream, small ones may be text')
def _(scene):
    gateway = start(scene, identify={'compress': True})
    talk(scene, gateway)
    gateway.close()
    # Asked for besides a transport compression it is ignored: two layers would break every library.
    both = start(scene, identify={'compress': True}, compress='zlib-stream')
    talk(scene, both, 2)
    both.close()


@step('a RESUME starts a new stream, in another compression if asked')
def _(scene):
    first = start(scene, compress='zlib-stream')
    for compress in ('zlib-stream', None, 'zstd-stream' if zstandard else None):
        first.drop()
        missed = scene.say(scene.ann, 'missed')
        again = scene.gateway(compress=compress)
        again.hello()
        again.resume(scene.bot.token, first.session_id or again.session_id, first.seq)
        again.session_id = first.session_id
        again.wait('RESUMED')
        assert missed['id'] in [p['d'].get('id') for p in again.seen if p['t'] == 'MESSAGE_CREATE']
        talk(scene, again, 2)
        first = again
    first.close()


@step('an unknown compression is no crash')
def _(scene):
    from lib.ws import Closed, Refused
    try:
        gateway = scene.gateway(query='v=10&encoding=json&compress=brotli')
        gateway.hello()
        gateway.close()
    except (Closed, Refused, AssertionError):
        pass
    scene.say(scene.ann, 'still here')


@step('ETF: identify, events, heartbeats')
def _(scene):
    gateway = start(scene, encoding='etf')
    eq(str(gateway.ready['user']['id']), scene.bot.id)
    eq(gateway.ready['user']['bot'], True)
    talk(scene, gateway)
    gateway.close()


@step('ETF under zlib-stream and zstd-stream')
def _(scene):
    gateway = start(scene, encoding='etf', compress='zlib-stream')
    talk(scene, gateway, 2)
    gateway.close()
    gateway = start(scene, encoding='etf', compress='zstd-stream')
    talk(scene, gateway, 2)
    gateway.close()


@step('ETF: atom keys, rubbish, cut and compressed terms close with 4002')
def _(scene):
    for raw in (
            etf.encode({etf.Atom('op'): 1, etf.Atom('d'): None}), b'', b'\x83', b'\x00' * 20,
            etf.encode({'op': 1, 'd': None})[:-1], etf.encode({'op': 1, 'd': None}) + b'\x00',
            b'\x83t\xff\xff\xff\xff', b'\x83l\xff\xff\xff\xff', b'\x83m\xff\xff\xff\xff',
            b'\x83' + b'l\x00\x00\x00\x01' * 2000 + b'j' * 2001,
            b'\x83P\x7f\xff\xff\xff' + zlib.compress(b'a\x01' * 100), os.urandom(100)):
        gateway = scene.gateway(encoding='etf')
        gateway.hello()
        gateway.ws.send(raw, BINARY)
        expect_close(gateway, 4002, 4001)
    scene.say(scene.ann, 'still here')


@step('JSON in a binary frame and ETF where JSON was asked')
def _(scene):
    gateway = scene.gateway()
    gateway.hello()
    gateway.ws.send(etf.encode({'op': 1, 'd': None}), BINARY)
    expect_close(gateway, 4002)
    gateway = scene.gateway(encoding='etf')
    gateway.hello()
    gateway.ws.send(json.dumps({'op': 1, 'd': None}), TEXT)
    expect_close(gateway, 4002)


@step('the same events in every encoding and compression')
def _(scene):
    kinds = [dict(), dict(v=9), dict(compress='zlib-stream'), dict(encoding='etf'), dict(encoding='etf', compress='zlib-stream'),
             dict(identify={'compress': True})]
    if zstandard:
        kinds.append(dict(compress='zstd-stream'))
    gateways = [scene.bot.gateway(**kind) for kind in kinds]
    created = [plain(g.guilds[scene.guild_id] if scene.guild_id in g.guilds else g.guilds[int(scene.guild_id)])
               for g in gateways]
    for guild, kind in zip(created[1:], kinds[1:]):
        for key in created[0]:
            if key not in ('presences', 'members'):
                eq(guild[key], created[0][key], '%s of GUILD_CREATE for %r' % (key, kind))
    message = scene.say(scene.ann, 'in all dresses <@%s>' % scene.bot.id, embeds=[{'title': 't', 'color': 5}])
    seen = [plain(g.wait('MESSAGE_CREATE', where=lambda d: str(d['id']) == message['id'])['d']) for g in gateways]
    for d, kind in zip(seen[1:], kinds[1:]):
        eq(d, seen[0], 'MESSAGE_CREATE for %r' % (kind,))
    for gateway in gateways:
        gateway.close()


@step('a big GUILD_CREATE stays one message in every compression')
def _(scene):
    guild = scene.world.guild(scene.ann, 'many channels')['id']
    bot = scene.world.bot(scene.ann, 'reader')
    scene.world.add_bot(scene.ann, bot, guild)
    for i in range(60):
        scene.world.channel(scene.ann, guild, 'channel-%d' % i, topic='about %d ' % i * 80)
    for kind in (dict(), dict(compress='zlib-stream'), dict(encoding='etf'), dict(identify={'compress': True}),
                 dict(compress='zstd-stream') if zstandard else dict()):
        gateway = bot.gateway(**kind)
        guilds = {str(k): v for k, v in gateway.guilds.items()}
        assert len(guilds[guild]['channels']) >= 60, kind
        gateway.close()
    scene.ann.rest.delete('/guilds/%s' % guild).ok(204)
