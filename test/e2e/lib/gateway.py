"""A gateway session by hand: every opcode, every encoding, every compression, nothing done unasked."""

import json
import threading
import time
import zlib

from . import etf
from .ws import BINARY, TEXT, Closed, WebSocket

ALL_INTENTS = 53608447
DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME = 0, 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11


class Gateway:
    """One socket. Reads only when asked (or in run_in_background())."""

    def __init__(self, host, port, v=10, encoding='json', compress=None, path='/', query=None, timeout=10.0):
        if query is None:
            query = 'v=%s&encoding=%s' % (v, encoding)
            if compress:
                query += '&compress=' + compress
        self.encoding, self.compress = encoding, compress
        self.seq = None
        self.session_id = None
        self.resume_url = None
        self.ready = None
        self.seen = []           # every payload that came, in order
        self.bytes_in = 0
        self._inflate = zlib.decompressobj() if compress == 'zlib-stream' else None
        self._zstd = None
        if compress == 'zstd-stream':
            import zstandard
            self._zstd = zstandard.ZstdDecompressor().decompressobj()
        self._lock = threading.Lock()
        self._thread = None
        self.closed = None
        self.ws = WebSocket(host, port, path + '?' + query if query else path, timeout=timeout)

    # -- what goes out

    def send(self, op, d):
        payload = {'op': op, 'd': d}
        with self._lock:
            if self.encoding == 'etf':
                self.ws.send(etf.encode(payload), BINARY)
            else:
                self.ws.send(json.dumps(payload), TEXT)

    def identify(self, token, intents=ALL_INTENTS, **more):
        d = {'token': token, 'properties': {'os': 'linux', 'browser': 'e2e', 'device': 'e2e'}}
        if intents is not None:
            d['intents'] = intents
        d.update(more)
        self.send(IDENTIFY, d)

    def resume(self, token, session_id, seq):
        self.send(RESUME, {'token': token, 'session_id': session_id, 'seq': seq})

    def heartbeat(self):
        self.send(HEARTBEAT, self.seq)

    # -- what comes in

    def decode(self, opcode, raw):
        """Checks the frame's kind as strictly as the clients do, gives the payload."""
        self.bytes_in += len(raw)
        if self._inflate:
            assert opcode == BINARY, 'zlib-stream in a text frame'
            assert raw[-4:] == b'\0\0\xff\xff', 'no sync flush at the end: %r' % raw[-8:]
            raw = self._inflate.decompress(raw)
        elif self._zstd:
            assert opcode == BINARY, 'zstd-stream in a text frame'
            raw = self._zstd.decompress(raw)
            assert raw, 'a websocket message held no gateway message'
        elif self.encoding == 'json' and opcode == BINARY:
            # Payload compression: each frame a stream of its own, and nothing behind it.
            stream = zlib.decompressobj()
            raw = stream.decompress(raw)
            assert stream.eof and not stream.unused_data, 'payload is no complete zlib stream'
        elif self.encoding == 'etf':
            assert opcode == BINARY, 'ETF in a text frame'
        payload = etf.decode(raw) if self.encoding == 'etf' else json.loads(raw)
        for key in ('op', 'd', 's', 't'):
            if key not in payload and not (key == 'd' and payload.get('op') == HEARTBEAT_ACK):
                raise AssertionError('payload without %r: %.200r' % (key, payload))
        return payload

    def recv(self, timeout=None):
        opcode, raw = self.ws.recv(timeout)
        payload = self.decode(opcode, raw)
        self.seen.append(payload)
        if payload['op'] == DISPATCH:
            self.seq = payload['s']
            if payload['t'] == 'READY':
                self.ready = payload['d']
                self.session_id = payload['d']['session_id']
                self.resume_url = payload['d'].get('resume_gateway_url')
        return payload

    def wait(self, t=None, op=DISPATCH, where=None, timeout=5.0):
        """The next payload with event name @t (or opcode @op) for which where(d) holds."""
        deadline = time.monotonic() + timeout
        passed = []
        while True:
            try:
                payload = self.recv(max(0, deadline - time.monotonic()))
            except TimeoutError:
                raise AssertionError('no %s within %g s; there came %s' % (
                    t or 'op %d' % op, timeout, ', '.join(passed[-12:]) or 'nothing')) from None
            passed.append(payload['t'] or 'op %d' % payload['op'])
            if payload['op'] != op or (t and payload['t'] != t):
                continue
            if where is None or where(payload['d']):
                return payload

    def none(self, t=None, where=None, op=DISPATCH, timeout=0.7):
        """Asserts that no such payload comes for @timeout seconds; returns what did come."""
        deadline = time.monotonic() + timeout
        others = []
        while True:
            try:
                payload = self.recv(max(0, deadline - time.monotonic()))
            except TimeoutError:
                return others
            if payload['op'] == op and (t is None or payload['t'] == t) and \
                    (where is None or where(payload['d'])):
                raise AssertionError('unexpected %s: %.300r' % (payload['t'] or op, payload['d']))
            others.append(payload)

    def wait_close(self, timeout=5.0):
        """Reads until the server closes; its code."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.recv(max(0, deadline - time.monotonic()))
            except Closed as closed:
                return closed.code
            except TimeoutError:
                raise AssertionError('not closed within %g s' % timeout) from None

    def hello(self):
        payload = self.recv()
        assert payload['op'] == HELLO, 'first came op %s' % payload['op']
        return payload['d']['heartbeat_interval']

    def start(self, token, intents=ALL_INTENTS, guilds=True, **more):
        """HELLO, IDENTIFY, READY and (with @guilds) the GUILD_CREATE of each guild in READY."""
        self.hello()
        self.identify(token, intents, **more)
        ready = self.wait('READY')['d']
        self.guilds = {}
        waiting = {g['id'] for g in ready['guilds'] if g.get('unavailable')} if guilds else set()
        while waiting:
            guild = self.wait('GUILD_CREATE')['d']
            self.guilds[guild['id']] = guild
            waiting.discard(guild['id'])
        return self

    def run_in_background(self):
        """Reads and heartbeats in a thread until the socket closes; look at .seen and .closed."""
        def loop():
            beat = time.monotonic() + 20
            while self.closed is None:
                try:
                    self.recv(0.5)
                except TimeoutError:
                    pass
                except Closed as closed:
                    self.closed = closed
                except OSError:
                    self.closed = Closed(None, 'local')
                if time.monotonic() > beat and self.closed is None:
                    beat = time.monotonic() + 20
                    try:
                        self.heartbeat()
                    except OSError:
                        self.closed = Closed(None, 'send')
        self._thread = threading.Thread(target=loop, daemon=True)
        self._thread.start()

    def close(self, code=1000):
        if self._thread:
            self.closed = self.closed or Closed(None, 'local')
            self._thread.join(2)
        self.ws.close(code)

    def drop(self):
        self.closed = self.closed or Closed(None, 'local')
        self.ws.drop()
        if self._thread:
            self._thread.join(2)
