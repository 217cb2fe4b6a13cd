"""The harness tried on itself: its coder against known bytes, its client against a tiny server."""

import json
import os
import socket
import struct
import sys
import tempfile
import threading
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from lib import etf, ws  # noqa: E402
from lib.gateway import Gateway  # noqa: E402
from lib.rest import Answer  # noqa: E402
from lib.routes import Routes  # noqa: E402
from lib.steps import ASIDE, Report, Skip, run_steps, step  # noqa: E402


@step('ETF encodes what Erlang encodes')
def _():
    # term_to_binary() of OTP 25, typed in.
    for value, raw in (
            (1, b'\x83a\x01'), (256, b'\x83b\x00\x00\x01\x00'), (-1, b'\x83b\xff\xff\xff\xff'),
            (1 << 40, b'\x83n\x06\x00\x00\x00\x00\x00\x00\x01'), (None, b'\x83w\x03nil'), (True, b'\x83w\x04true'),
            ('ab', b'\x83m\x00\x00\x00\x02ab'), ([], b'\x83j'), ([1], b'\x83l\x00\x00\x00\x01a\x01j'),
            ({'a': 1}, b'\x83t\x00\x00\x00\x01m\x00\x00\x00\x01aa\x01')):
        assert etf.encode(value) == raw, '%r gave %r' % (value, etf.encode(value))
        assert etf.decode(raw) == value


@step('ETF decodes the older atoms and byte lists too')
def _():
    assert etf.decode(b'\x83d\x00\x03nil') is None
    assert etf.decode(b'\x83s\x05false') is False
    assert etf.decode(b'\x83k\x00\x02\x01\x02') == [1, 2]
    assert isinstance(etf.decode(b'\x83w\x02hi'), etf.Atom)


@step('ETF survives a round trip of nested values')
def _():
    value = {'a': [1, -5, 1 << 63, -(1 << 70), 1.5, None, True, {'b': ['x', 'ü']}], 'c': {}}
    assert etf.decode(etf.encode(value)) == value


@step('ETF refuses cut and trailing bytes')
def _():
    for raw in (b'', b'\x83', b'\x83m\x00\x00\x00\x05ab', b'\x83a\x01\x00', b'\x82a\x01'):
        try:
            etf.decode(raw)
        except (etf.EtfError, IndexError, struct.error):
            continue
        raise AssertionError('took %r' % raw)


@step('routes that no step calls, or none is refused by, are named')
def _():
    operation = lambda name, **more: dict({'operationId': name, 'tags': ['g'], 'security': [{'user': []}]}, **more)
    document = {'paths': {'/a': {'get': operation('a'), 'post': operation('b')}, '/old': {'get': operation('a_2')},
                          '/c': {'get': operation('c', security=[{}])}}}
    with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
        json.dump(document, file)
        file.flush()
        routes = Routes(file.name)
    routes.count('rookery_route_seconds_count{route="a"} 3\nrookery_route_errors_total{route="a",class="4xx"} 1\n'
                 'rookery_route_seconds_count{route="b"} 2\nrookery_route_errors_total{route="b",class="4xx"} 2\n')
    assert routes.missing() == ['g: GET /c has no success', 'g: POST /a has no success'], routes.missing()
    routes.count('rookery_route_seconds_count{route="b"} 1\nrookery_route_seconds_count{route="c"} 1\n')
    assert routes.missing() == [], routes.missing()


@step('a mask covers every length')
def _():
    for size in range(0, 40):
        raw = os.urandom(size)
        key = os.urandom(4)
        slow = bytes(b ^ key[i % 4] for i, b in enumerate(raw))
        assert ws.apply_mask(raw, key) == slow
        assert ws.apply_mask(slow, key) == raw


class TinyServer:
    """Accepts one WebSocket and lets a function talk with it."""

    def __init__(self, talk):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.talk, self.error = talk, None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        sock, _ = self.listener.accept()
        sock.settimeout(5)
        head = b''
        while b'\r\n\r\n' not in head:
            head += sock.recv(4096)
        key = [l.split(b': ')[1] for l in head.split(b'\r\n') if l.lower().startswith(b'sec-websocket-key')][0]
        sock.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                     b'Sec-WebSocket-Accept: ' + ws.accept_key(key.decode()).encode() + b'\r\n\r\n')
        try:
            self.talk(sock)
        except Exception as error:
            self.error = error
        sock.close()
        self.listener.close()

    def done(self):
        self.thread.join(5)
        if self.error:
            raise self.error


def read_client_frame(sock):
    def need(size):
        data = b''
        while len(data) < size:
            more = sock.recv(size - len(data))
            assert more, 'end of stream'
            data += more
        return data
    first, second = need(2)
    assert second & 0x80, 'client frame is not masked'
    size = second & 0x7F
    if size == 126:
        size = struct.unpack('>H', need(2))[0]
    elif size == 127:
        size = struct.unpack('>Q', need(8))[0]
    key = need(4)
    return first & 0x0F, ws.apply_mask(need(size), key)


@step('the client echoes frames of all three length forms')
def _():
    def talk(sock):
        for _ in range(4):
            opcode, payload = read_client_frame(sock)
            sock.sendall(ws.make_frame(opcode, payload, mask=False))
    server = TinyServer(talk)
    client = ws.WebSocket('127.0.0.1', server.port)
    for size in (0, 125, 126, 70000):
        client.send(b'x' * size)
        assert client.recv() == (ws.BINARY, b'x' * size)
    client.drop()
    server.done()


@step('the client joins fragments, answers a ping between them and reads the close code')
def _():
    def talk(sock):
        sock.sendall(ws.make_frame(ws.TEXT, b'ab', fin=False, mask=False)
                     + ws.make_frame(ws.PING, b'p', mask=False) + ws.make_frame(0, b'cd', mask=False))
        assert read_client_frame(sock) == (ws.PONG, b'p')
        sock.sendall(ws.make_frame(ws.CLOSE, struct.pack('>H', 4004) + b'no', mask=False))
    server = TinyServer(talk)
    client = ws.WebSocket('127.0.0.1', server.port)
    assert client.recv() == (ws.TEXT, b'abcd')
    try:
        client.recv()
    except ws.Closed as closed:
        assert (closed.code, closed.reason) == (4004, 'no')
    else:
        raise AssertionError('not closed')
    server.done()


def payload(op, d=None, s=None, t=None):
    return {'op': op, 'd': d, 's': s, 't': t}


def gateway_talk(make):
    """A talk that sends HELLO, waits for one frame and sends READY, each through make(bytes)."""
    def talk(sock):
        sock.sendall(make(payload(10, {'heartbeat_interval': 41250})))
        read_client_frame(sock)
        sock.sendall(make(payload(0, {'session_id': 's', 'guilds': []}, 1, 'READY')))
    return talk


def try_gateway(talk, **more):
    server = TinyServer(talk)
    gateway = Gateway('127.0.0.1', server.port, **more)
    gateway.start('token')
    assert gateway.session_id == 's' and gateway.seq == 1
    gateway.drop()
    server.done()


@step('the gateway client reads JSON, ETF, payload zlib and zlib-stream')
def _():
    try_gateway(gateway_talk(lambda p: ws.make_frame(ws.TEXT, json.dumps(p).encode(), mask=False)))
    try_gateway(gateway_talk(lambda p: ws.make_frame(ws.BINARY, etf.encode(p), mask=False)), encoding='etf')
    try_gateway(gateway_talk(lambda p: ws.make_frame(
        ws.BINARY, zlib.compress(json.dumps(p).encode()), mask=False)))
    deflate = zlib.compressobj()
    try_gateway(gateway_talk(lambda p: ws.make_frame(ws.BINARY, deflate.compress(
        json.dumps(p).encode()) + deflate.flush(zlib.Z_SYNC_FLUSH), mask=False)), compress='zlib-stream')


@step('the gateway client reads zstd-stream')
def _():
    try:
        import zstandard
    except ImportError:
        raise Skip('no zstandard here') from None
    frame = zstandard.ZstdCompressor().compressobj()
    try_gateway(gateway_talk(lambda p: ws.make_frame(ws.BINARY, frame.compress(
        json.dumps(p).encode()) + frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), mask=False)),
        compress='zstd-stream')


@step('the gateway client refuses a stream without its flush')
def _():
    deflate = zlib.compressobj()
    try:
        try_gateway(gateway_talk(lambda p: ws.make_frame(ws.BINARY, deflate.compress(
            json.dumps(p).encode()) + deflate.flush(zlib.Z_FULL_FLUSH)[:-1], mask=False)), compress='zlib-stream')
    except AssertionError as error:
        assert 'sync flush' in str(error)
    else:
        raise AssertionError('took it')


@step('a refusal is checked down to the leaf')
def _():
    body = {'message': 'Invalid Form Body', 'code': 50035, 'errors': {'embeds': {'0': {'title': {
        '_errors': [{'code': 'BASE_TYPE_MAX_LENGTH', 'message': 'Must be 256 or fewer in length.'}]}}}}}
    answer = Answer(400, {}, json.dumps(body).encode())
    answer.refused(400, 50035, 'embeds.0.title', 'BASE_TYPE_MAX_LENGTH')
    for wrong in ((404, 50035), (400, 50036), (400, 50035, 'embeds.0'), (400, 50035, 'embeds.0.title', 'X')):
        try:
            answer.refused(*wrong)
        except AssertionError:
            continue
        raise AssertionError('took %r' % (wrong,))


@step('steps that stand aside run beside the others, with an argument of their own; each is counted')
def _():
    class Place:
        def another(self):
            return Place()
    came, place = threading.Event(), Place()

    def waits(own):
        assert own is not place
        assert came.wait(10), 'it ran alone'

    def comes(own):
        assert own is place
        came.set()

    def fails(own):
        raise AssertionError('as it should')

    class Quiet(Report):
        def line(self, good, name, note=''):
            said.append((good, name))
    said = []
    chosen = [('waits', False, waits), ('comes', False, comes), ('fails', False, fails)]
    ASIDE.add(waits)
    try:
        report = run_steps(place, steps=chosen, report=Quiet())
    finally:
        ASIDE.discard(waits)
    assert (report.passed, report.failed, report.skipped) == (2, 1, 0)
    assert sorted(said) == [(False, 'fails'), (True, 'comes'), (True, 'waits')]
    came.clear()
    report = run_steps(place, steps=[('waits', False, lambda own: came.wait(10) or 1 / 0), ('comes', False, comes)], report=Quiet(), jobs=2)
    assert (report.passed, report.failed) == (2, 0)


if __name__ == '__main__':
    sys.exit(run_steps().end())
