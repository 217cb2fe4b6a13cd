"""Gateway sessions that mean harm."""

import json
import os
import random
import struct
import time

from lib.ws import BINARY, PING, TEXT, Closed, WebSocket, make_frame
from .base import FULL, SEED, Gateway, eq, step

HEARTBEAT = b'{"op":1,"d":null}'


def socket_(field, encoding='json', more=''):
    ws = WebSocket(field.host, field.port, '/?v=10&encoding=%s%s' % (encoding, more))
    ws.recv()
    return ws


def ended(ws, timeout=10):
    """The code that the server closes with; None when it just ends the line."""
    until = time.monotonic() + timeout
    try:
        while True:
            ws.recv(max(0.01, until - time.monotonic()))
    except Closed as closed:
        ws.drop()
        return closed.code


def sent(ws, data):
    try:
        ws.send_raw(data)
    except OSError:
        pass  # refused already


@step('frames: a megabyte, compressed bits, fragments without end, of nothing too, lengths that lie')
def _(field):
    with field.attack():
        for name, frames, codes in (
                ('a text of 1 MB', [make_frame(TEXT, b'x' * (1 << 20))], {4002, None}),
                ('1 MB in fragments', [make_frame(TEXT if i == 0 else 0, b'x' * 1024, fin=False) for i in range(1024)], {4002, None}),
                ('empty fragments without end', [make_frame(TEXT if i == 0 else 0, b'', fin=False) for i in range(20000)], {1008, None}),
                ('the compressed bit', [make_frame(TEXT, HEARTBEAT, rsv=4)], {1002}),
                ('the compressed bit on a fragment', [make_frame(TEXT, b'{', fin=False), make_frame(0, b'}', rsv=4)], {1002}),
                ('2^63 bytes', [make_frame(TEXT, b'x', length=1 << 63)], {1002, 4002}),
                ('2^63 - 1 bytes', [make_frame(TEXT, b'x', length=(1 << 63) - 1)], {1009, 4002}),
                ('2^32 bytes of a ping', [make_frame(PING, b'x', length=1 << 32)], {1002}),
                ('a length in a longer form', [bytes([0x81, 0xfe]) + struct.pack('>H', 5) + b'\0\0\0\0abcde'], {1002})):
            ws = socket_(field)
            sent(ws, b''.join(frames))
            got = ended(ws)
            assert got in codes, '%s closed with %s' % (name, got)
        # Half a message is held for nobody who does not go on: 300 of them cost little.
        held = [socket_(field) for _ in range(300)]
        for ws in held:
            ws.send_raw(make_frame(TEXT, b'x' * 4000, fin=False) + make_frame(0, b'x' * 10, length=90)[:20])
        time.sleep(0.5)
        for ws in held:
            ws.drop()


@step('payloads: IDENTIFY of 4,097 bytes, JSON and ETF that go deep or promise much')
def _(field):
    def big_identify(size):
        text = json.dumps({'op': 2, 'd': {'token': 'x', 'intents': 0, 'properties': {'os': ''}}})
        return text.replace('"os": ""', '"os": "%s"' % ('x' * (size - len(text)))).encode()
    with field.attack():
        for size, codes in ((4097, {4002, 4004}), ((15 << 10) + 1, {4002}), (16 << 10, {4002}), (1 << 20, {4002, None})):
            ws = socket_(field)
            sent(ws, make_frame(TEXT, big_identify(size)))
            got = ended(ws)
            assert got in codes, 'IDENTIFY of %d: %s' % (size, got)
        nest = lambda n: b'{"op":1,"d":' + b'[' * n + b']' * n + b'}'
        for payload in (nest(1000), b'[' * 4000, b'{"a":' * 800, nest(100), b'{"op":1e400}', b'{"op":99999999999999999999}', b'{"op":-1}',
                        b'{"op":1.5}', b'{"op":"1"}', b'{"op":null}', b'[]', b'1', b'null', b'""', b'', b'{"op":2,"d":[]}', b'{"op":6,"d":{}}',
                        b'{"op":2,"d":{"token":' + b'9' * 3000 + b'}}', b'{"op":1,"d":"\xff"}', b'\0'):
            ws = socket_(field)
            ws.send_raw(make_frame(TEXT, payload))
            got = ended(ws)
            assert got in (4001, 4002, 4003, 1007), '%.30r closed with %s' % (payload, got)
        long = lambda tag, n: bytes([131, tag]) + struct.pack('>I', n)
        for name, term in (
                ('lists in lists', b'\x83' + b'l\0\0\0\1' * 700 + b'j' * 701), ('100,000 lists in lists', b'\x83' + b'l\0\0\0\1' * 100000),
                ('tuples in tuples', b'\x83' + b'h\1' * 1500 + b'j'), ('maps in maps', b'\x83' + b't\0\0\0\1m\0\0\0\1a' * 300),
                ('a list of 2^32 - 1', long(ord('l'), 0xffffffff) + b'a\1'), ('a map of 2^32 - 1', long(ord('t'), 0xffffffff) + b'a\1a\1'),
                ('a tuple of 2^32 - 1', long(ord('i'), 0xffffffff)), ('a binary of 2^32 - 1', long(ord('m'), 0xffffffff) + b'x'),
                ('a string of 65,535', b'\x83k\xff\xffx'), ('a big integer of 2^32 - 1', long(ord('o'), 0xffffffff) + b'\0\1'),
                ('a big integer of 255', b'\x83n\xff\0' + b'\xff' * 255), ('an atom of 65,535', b'\x83d\xff\xff' + b'a' * 3000),
                ('an atom of 4,000', b'\x83d' + struct.pack('>H', 4000) + b'a' * 4000), ('compressed', b'\x83P\x7f\xff\xff\xff' + b'x' * 100),
                ('a float that is none', b'\x83F\x7f\xf8\0\0\0\0\0\0'), ('an old float', b'\x83c' + b'9' * 31), ('a process', b'\x83gd\0\1a' + b'\0' * 9),
                ('a function', b'\x83p\0\0\0\x10' + b'x' * 12), ('a bit string', b'\x83M\0\0\0\1\x09x'), ('no version', b'a\1'), ('nothing', b''),
                ('a term and more', b'\x83a\1a\1'), ('an unknown tag', b'\x83\0')):
            ws = socket_(field, 'etf')
            sent(ws, make_frame(BINARY, term))
            got = ended(ws)
            assert got in (4002, None), '%s closed with %s' % (name, got)


@step('random payloads on a live session: closed or not, the next one is served')
def _(field):
    chance = random.Random(SEED)
    scene = field.scene

    def value(depth=0):
        kind = chance.randrange(9 if depth < 3 else 6)
        if kind < 6:
            return chance.choice([None, True, 0, -1, 1, 2**53, -2**63, 2**63 - 1, 1.5, 1e308, '', 'x' * 200, '0', scene.guild_id, '\0', '💥', 'online'])
        if kind < 8:
            keys = ['guild_id', 'query', 'limit', 'user_ids', 'status', 'activities', 'afk', 'since', 'channels', 'members', 'typing', 'threads',
                    'token', 'session_id', 'seq', 'subscriptions', 'name', 'type', 'presences', 'nonce', 'capabilities', 'shard', 'intents']
            return {chance.choice(keys): value(depth + 1) for _ in range(chance.randrange(6))}
        return [value(depth + 1) for _ in range(chance.randrange(6))]
    with field.attack():
        for who in (scene.bot, scene.bob):
            gateway, sessions = who.gateway(), 1
            for i in range(3000 if FULL else 200):
                op = chance.choice([1, 3, 4, 8, 14, 37, 40, 2, 6, 5, 13, 34, chance.randrange(-1, 50)])
                try:
                    gateway.ws.send(json.dumps({'op': op, 'd': value()}))
                    if i % 20 == 19:
                        gateway.heartbeat()
                        gateway.wait(op=11)
                except (Closed, OSError):
                    gateway.drop()
                    gateway, sessions = who.gateway(), sessions + 1
            gateway.close()
            print('# %d sessions' % sessions, flush=True)


@step('heartbeats with a mad s: an answer or 4002, and RESUME tells the truth')
def _(field):
    scene = field.scene
    with field.attack():
        for seq in ('-1', '0', '9223372036854775807', '-9223372036854775808', '4294967296', '1e3', '1e300', '"1"', '[]', '{}', 'true', '18446744073709551616'):
            gateway = scene.bot.gateway()
            token, session, at = scene.bot.token, gateway.session_id, gateway.seq
            gateway.ws.send('{"op":1,"d":%s}' % seq)
            try:
                gateway.wait(op=11)
            except Closed as closed:
                eq(closed.code, 4002, seq)
            gateway.drop()
            again = Gateway(field.host, field.port)
            again.hello()
            again.resume(token, session, at)
            try:
                payload = again.recv()
                assert payload['op'] == 9 or payload['t'] == 'RESUMED' or payload['s'] == at + 1, (seq, payload['op'], payload['t'], payload['s'])
            except Closed as closed:
                assert closed.code in (4007, 4009), (seq, closed.code)
            again.close()


@step("RESUME of others' sessions, guessed and known: op 9 each time, and the session goes on")
def _(field):
    scene = field.scene
    with field.attack():
        victim = scene.ann.gateway()
        known = victim.session_id
        for i in range(100):
            gateway = Gateway(field.host, field.port)
            gateway.hello()
            guess = known if i % 3 == 0 else os.urandom(16).hex() if i % 3 == 1 else known[:-1] + chr(ord(known[-1]) ^ 1)
            gateway.resume(scene.bob.token if i % 2 else scene.bot.token, guess, (i * 7) % 5)
            payload = gateway.recv()
            eq((payload['op'], payload['d']), (9, False), guess)
            gateway.drop()
        scene.say(scene.bob, 'are you there')
        victim.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'are you there')
        victim.close()


@step('op 8 without a pause, each for all members, by readers that do not read')
def _(field):
    scene = field.scene
    ask = json.dumps({'op': 8, 'd': {'guild_id': scene.guild_id, 'query': '', 'limit': 0, 'presences': True, 'nonce': 'x' * 32}}).encode()
    with field.attack():
        gateways = []
        for _ in range(20):
            gateway = scene.bot.gateway()
            gateway.ws.sock.setblocking(False)
            gateways.append(gateway)
        data = make_frame(TEXT, ask) * 100  # as many as Discord's limit lets through in a minute
        for gateway in gateways:
            try:
                gateway.ws.sock.send(data)
            except OSError:
                pass
        time.sleep(2)
        for gateway in gateways:
            gateway.drop()


@step('RESUME to a session that is being told much, over and over')
def _(field):
    scene = field.scene
    with field.attack():
        gateway = scene.bot.gateway()
        for i in range(20):
            session, at = gateway.session_id, gateway.seq
            for n in range(3):
                scene.say(scene.ann, 'storm %d.%d' % (i, n))
            gateway.drop()
            again = Gateway(field.host, field.port)
            again.hello()
            again.resume(scene.bot.token, session, at)
            again.wait('RESUMED')
            again.session_id = session
            gateway = again
        gateway.close()


def spam(field):
    """120 frames in a minute, on a server that counts: 4008 (a step of its own server, see few.py)."""
    scene = field.scene
    for who, frame in ((scene.ann, make_frame(TEXT, HEARTBEAT)), (scene.bob, make_frame(PING, b'x')),
                       (scene.world.person('eve'), make_frame(TEXT, b'{"op":8,"d":{"guild_id":"1","query":"","limit":0}}'))):
        gateway = who.gateway()
        try:
            gateway.ws.send_raw(frame * 300)
        except OSError:
            pass
        eq(ended(gateway.ws), 4008)
