"""WebSocket frames by hand: RFC 6455, the good and the evil."""

import os
import struct
import time

from lib.ws import BINARY, CLOSE, PING, PONG, TEXT, Closed, Refused, WebSocket, make_frame
from .base import eq, step

HEARTBEAT = b'{"op":1,"d":null}'


def socket_(scene, **more):
    ws = WebSocket(scene.host, scene.port, '/?v=10&encoding=json', **more)
    ws.recv()  # HELLO
    return ws


def closed_with(ws, *codes):
    try:
        for _ in range(20):
            ws.recv(5)
    except Closed as closed:
        ws.drop()
        if closed.code not in codes:
            raise AssertionError('closed with %s, not %s' % (closed.code, codes)) from None
        return
    raise AssertionError('not closed')


def acked(ws):
    opcode, payload = ws.recv(5)
    assert b'"op":11' in payload.replace(b' ', b''), payload


@step('a ping is answered with its own payload, also between fragments')
def _(scene):
    ws = socket_(scene)
    ws.send_raw(make_frame(PING, b'abc'))
    eq(ws.recv_frame()[2:], (PONG, b'abc'))
    ws.send_raw(make_frame(TEXT, HEARTBEAT[:5], fin=False) + make_frame(PING, b'x' * 125) + make_frame(0, HEARTBEAT[5:9], fin=False)
                + make_frame(0, HEARTBEAT[9:]))
    eq(ws.recv_frame()[2:], (PONG, b'x' * 125))
    acked(ws)
    ws.send_raw(make_frame(PONG, b'unasked'))
    ws.send(HEARTBEAT.decode())
    acked(ws)
    ws.close()


@step('frames may come byte by byte, or many in one packet')
def _(scene):
    ws = socket_(scene)
    for byte in make_frame(TEXT, HEARTBEAT):
        ws.send_raw(bytes([byte]))
        time.sleep(0.002)
    acked(ws)
    ws.send_raw(make_frame(TEXT, HEARTBEAT) * 5)
    for _ in range(5):
        acked(ws)
    ws.close()


@step('protocol errors close with 1002')
def _(scene):
    for name, data in (
            ('unmasked', make_frame(TEXT, HEARTBEAT, mask=False)), ('reserved bit', make_frame(TEXT, HEARTBEAT, rsv=4)),
            ('reserved opcode', make_frame(3, b'')), ('reserved control opcode', make_frame(11, b'')),
            ('fragmented ping', make_frame(PING, b'', fin=False)), ('ping of 126', make_frame(PING, b'x' * 126)),
            ('continuation of nothing', make_frame(0, b'x')),
            ('new message inside another', make_frame(TEXT, b'{', fin=False) + make_frame(TEXT, b'}')),
            ('close with one byte', make_frame(CLOSE, b'\x03')), ('close with 1005', make_frame(CLOSE, struct.pack('>H', 1005))),
            ('close with 999', make_frame(CLOSE, struct.pack('>H', 999)))):
        ws = socket_(scene)
        ws.send_raw(data)
        try:
            closed_with(ws, 1002)
        except AssertionError as error:
            raise AssertionError('%s: %s' % (name, error)) from None


@step('text that is not UTF-8 closes with 1007, also when split inside a character')
def _(scene):
    for parts in ([b'\xff'], [b'\xc3', b'('], [b'\xed\xa0\x80'], [b'\xf4\x90\x80\x80'], [b'ab\xc3']):
        ws = socket_(scene)
        for i, part in enumerate(parts):
            ws.send_raw(make_frame(TEXT if i == 0 else 0, part, fin=i == len(parts) - 1))
        closed_with(ws, 1007, 4002)
    ws = socket_(scene)
    raw = '{"op":1,"d":null,"x":"äöü"}'.encode()
    cut = raw.index('ä'.encode()) + 1
    ws.send_raw(make_frame(TEXT, raw[:cut], fin=False) + make_frame(0, raw[cut:]))
    acked(ws)
    ws.close()


@step('a frame that claims to be huge is refused before it comes')
def _(scene):
    for length in (1 << 20, 1 << 31, (1 << 63) - 1, 1 << 63):
        ws = socket_(scene)
        ws.send_raw(make_frame(TEXT, b'x' * 100, length=length))
        closed_with(ws, 1009, 4002, 1002)
    ws = socket_(scene)
    try:
        for _ in range(200):
            ws.send_raw(make_frame(TEXT if _ == 0 else 0, b'x' * 1000, fin=False))
    except OSError:
        pass
    closed_with(ws, 1009, 4002, None)


@step('a close is answered with its code, then the line ends')
def _(scene):
    ws = socket_(scene)
    ws.send(struct.pack('>H', 1000) + b'bye', CLOSE)
    closed_with(ws, 1000)
    ws = socket_(scene)
    ws.send(b'', CLOSE)
    closed_with(ws, 1000, 1005)


@step('rubbish after the handshake harms nobody')
def _(scene):
    for seed in range(20):
        ws = socket_(scene)
        try:
            ws.send_raw(os.urandom(500))
            ws.recv(1)
        except (Closed, TimeoutError, OSError, AssertionError):
            pass
        ws.drop()
    ws = socket_(scene)
    ws.send(HEARTBEAT.decode())
    acked(ws)
    ws.close()


@step('handshakes that are none: 400, or 426 with the version that is')
def _(scene):
    for name, headers, statuses in (
            ('no key', {'Sec-WebSocket-Key': None}, (400,)), ('short key', {'Sec-WebSocket-Key': 'abc'}, (400,)),
            ('no version', {'Sec-WebSocket-Version': None}, (400, 426)), ('version 8', {'Sec-WebSocket-Version': '8'}, (426,)),
            ('rubbish version', {'Sec-WebSocket-Version': 'x' * 200}, (400, 426)),
            ('no Connection', {'Connection': 'keep-alive'}, (400,)), ('no Upgrade', {'Upgrade': None}, (400,)),
            ('another Upgrade', {'Upgrade': 'rubbish'}, (400,))):
        try:
            ws = WebSocket(scene.host, scene.port, '/?v=10&encoding=json', headers)
        except Refused as refused:
            assert refused.status in statuses, '%s: answered %d' % (name, refused.status)
            if refused.status == 426:
                eq(refused.headers.get('sec-websocket-version'), '13', name)
            continue
        ws.drop()
        raise AssertionError('%s: was accepted' % name)


@step('header names in any case, more tokens in Connection, an Origin, no User-Agent')
def _(scene):
    for headers in ({'Connection': 'keep-alive, Upgrade'}, {'Upgrade': 'WebSocket'}, {'Origin': 'https://example.com'},
                    {'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits'},
                    {'Sec-WebSocket-Protocol': None}):
        ws = socket_(scene, headers=headers)
        assert 'sec-websocket-extensions' not in ws.headers, 'permessage-deflate was accepted'
        ws.send(HEARTBEAT.decode())
        acked(ws)
        ws.close()


@step('binary frames in JSON are taken or refused, never a crash')
def _(scene):
    ws = socket_(scene)
    ws.send(HEARTBEAT, BINARY)
    try:
        acked(ws)
    except Closed as closed:
        eq(closed.code, 4002)
    ws.drop()
