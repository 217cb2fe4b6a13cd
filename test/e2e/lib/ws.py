"""A WebSocket client on a plain socket (RFC 6455), which can also do what a library never would:
unmasked frames, odd lengths, fragments, half a handshake.
"""

import base64
import hashlib
import os
import socket
import struct
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Closed(Exception):
    """The server closed: @code is None when it just dropped the connection."""

    def __init__(self, code, reason=''):
        super().__init__('closed %s %s' % (code, reason))
        self.code, self.reason = code, reason


class Refused(Exception):
    """The upgrade was not accepted."""

    def __init__(self, status, headers, body):
        super().__init__('upgrade answered %d' % status)
        self.status, self.headers, self.body = status, headers, body


def accept_key(key):
    digest = hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
    return base64.b64encode(digest).decode()


def apply_mask(payload, mask):
    if not payload:
        return b''
    size = len(payload)
    pad = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, 'big') ^ int.from_bytes(pad, 'big')).to_bytes(size, 'big')


def make_frame(opcode, payload=b'', fin=True, mask=True, rsv=0, length=None):
    """Bytes of one frame. @mask: True random, False none, or 4 bytes. @length: lie about the size."""
    size = len(payload) if length is None else length
    key = os.urandom(4) if mask is True else mask
    bit = 0x80 if key else 0
    head = bytearray([(0x80 if fin else 0) | rsv << 4 | opcode])
    if size < 126:
        head.append(bit | size)
    elif size < 65536:
        head += struct.pack('>BH', bit | 126, size)
    else:
        head += struct.pack('>BQ', bit | 127, size)
    if key:
        return bytes(head) + key + apply_mask(payload, key)
    return bytes(head) + payload


class WebSocket:
    """One connection. Every wait has an end: TimeoutError after @timeout seconds."""

    def __init__(self, host, port, path='/', headers=None, timeout=10.0, family=socket.AF_UNSPEC):
        self.timeout = timeout
        info = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0]
        self.sock = socket.socket(info[0], info[1])
        self.sock.settimeout(timeout)
        self.buffer = bytearray()
        self.pings = 0
        try:
            self.sock.connect(info[4])
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._shake_hands(host, port, path, headers or {})
        except BaseException:
            self.sock.close()
            raise

    def _shake_hands(self, host, port, path, headers):
        key = base64.b64encode(os.urandom(16)).decode()
        lines = {'Host': '%s:%d' % ('[%s]' % host if ':' in host else host, port),
                 'Upgrade': 'websocket', 'Connection': 'Upgrade',
                 'Sec-WebSocket-Key': key, 'Sec-WebSocket-Version': '13'}
        lines.update(headers)
        head = 'GET %s HTTP/1.1\r\n' % path
        head += ''.join('%s: %s\r\n' % (k, v) for k, v in lines.items() if v is not None)
        self.sock.sendall((head + '\r\n').encode())
        deadline = time.monotonic() + self.timeout
        while b'\r\n\r\n' not in self.buffer:
            self._fill(deadline)
        head, _, rest = bytes(self.buffer).partition(b'\r\n\r\n')
        lines = head.decode('latin-1').split('\r\n')
        status = int(lines[0].split(' ')[1])
        got = {k.strip().lower(): v.strip() for k, _, v in (l.partition(':') for l in lines[1:])}
        if status != 101:
            raise Refused(status, got, rest)
        if got.get('sec-websocket-accept') != accept_key(key):
            raise AssertionError('wrong Sec-WebSocket-Accept: %r' % got.get('sec-websocket-accept'))
        self.headers = got
        self.buffer = bytearray(rest)

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError('nothing came')
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(262144)
        except (socket.timeout, TimeoutError):
            raise TimeoutError('nothing came') from None
        except ConnectionError:
            raise Closed(None, 'reset') from None
        if not data:
            raise Closed(None, 'end of stream')
        self.buffer += data

    def _need(self, size, deadline):
        while len(self.buffer) < size:
            self._fill(deadline)

    def send_raw(self, data):
        self.sock.settimeout(self.timeout)
        self.sock.sendall(data)

    def send(self, payload, opcode=None):
        if opcode is None:
            opcode = TEXT if isinstance(payload, str) else BINARY
        raw = payload.encode() if isinstance(payload, str) else payload
        self.send_raw(make_frame(opcode, raw))

    def recv_frame(self, timeout=None):
        """(fin, rsv, opcode, payload) of the next frame."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        self._need(2, deadline)
        first, second = self.buffer[0], self.buffer[1]
        if second & 0x80:
            raise AssertionError('a server must not mask its frames')
        size, at = second & 0x7F, 2
        if size == 126:
            self._need(4, deadline)
            size, at = struct.unpack_from('>H', self.buffer, 2)[0], 4
            assert size >= 126, 'length is not in its shortest form'
        elif size == 127:
            self._need(10, deadline)
            size, at = struct.unpack_from('>Q', self.buffer, 2)[0], 10
            assert size >= 65536, 'length is not in its shortest form'
        self._need(at + size, deadline)
        payload = bytes(self.buffer[at:at + size])
        del self.buffer[:at + size]
        return bool(first & 0x80), first >> 4 & 7, first & 0x0F, payload

    def recv(self, timeout=None):
        """(opcode, payload) of the next whole message; answers pings; raises Closed."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        kind, parts = None, []
        while True:
            fin, rsv, opcode, payload = self.recv_frame(max(0, deadline - time.monotonic()))
            assert rsv == 0, 'reserved bits are set'
            if opcode == PING:
                self.pings += 1
                self.send(payload, PONG)
                continue
            if opcode == PONG:
                continue
            if opcode == CLOSE:
                code = struct.unpack_from('>H', payload)[0] if len(payload) >= 2 else 1005
                raise Closed(code, payload[2:].decode('utf-8', 'replace'))
            if opcode:
                kind = opcode
            parts.append(payload)
            if fin:
                return kind, b''.join(parts)

    def close(self, code=1000, reason=''):
        """Says goodbye and drops the line."""
        try:
            self.send(struct.pack('>H', code) + reason.encode(), CLOSE)
            deadline = time.monotonic() + 2
            while True:
                self.recv(max(0, deadline - time.monotonic()))
        except (Closed, TimeoutError, OSError, AssertionError):
            pass
        self.drop()

    def drop(self):
        """Drops the line without a word, as a cut cable does."""
        self.sock.close()
