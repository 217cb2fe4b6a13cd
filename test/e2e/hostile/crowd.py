"""Crowds of connections that come and do not go on: crowd.py HOST PORT TLSPORT COUNT FIRST, one process of them.

Opens COUNT connections from loopback addresses 127.0.1.FIRST and on: by turns nothing sent, half a head, half a body, a
WebSocket that never identifies, and (TLSPORT not 0) half a TLS handshake. Says `open N`; sends a byte more to each now
and then; at the end of its input it says how many the server has closed, `closed N`, and ends."""

import os
import select
import socket
import sys

HEAD = b'POST /api/v10/channels/1/messages HTTP/1.1\r\nHost: x\r\nX-Slow: '
BODY = b'POST /api/v10/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n{"login":"'
SHAKE = (b'GET /?v=10&encoding=json HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
         b'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
HELLO = bytes.fromhex('160301020001000001fc0303') + b'\x55' * 40


def main():
    host, port, tls, count, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
    socks = []
    for i in range(count):
        kind = i % 20
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.bind(('127.0.1.%d' % (first + i % 8), 0))
        sock.settimeout(20)
        sock.connect((host, tls if kind in (0, 1) and tls else port))
        # Half say nothing at all.
        more = b'' if kind % 2 == 0 else HELLO if kind == 1 and tls else HEAD if kind in (3, 5, 7, 9) else \
            BODY + b'x' * 600 if kind in (11, 13, 15) else SHAKE if kind == 17 else b'GET'
        if more:
            sock.send(more)
        socks.append((sock, kind))
    print('open %d' % len(socks), flush=True)
    while not select.select([sys.stdin], [], [], 2)[0]:
        for sock, kind in socks[::3]:
            if kind % 2:
                try:
                    sock.send(b'a')
                except OSError:
                    pass
    closed = 0
    for sock, _ in socks:
        try:
            sock.setblocking(False)
            while sock.recv(65536):
                pass
            closed += 1
        except BlockingIOError:
            pass
        except OSError:
            closed += 1
    print('closed %d' % closed, flush=True)
    os._exit(0)


if __name__ == '__main__':
    main()
