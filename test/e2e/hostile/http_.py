"""Requests that mean harm, as bytes."""

import gzip
import json
import random
import select
import socket
import struct
import threading
import time
import zlib

from .base import FULL, SEED, eq, read_answers, request, statuses, step

CLOSE = 'Connection: close\r\n'
SECOND = b'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'


def auth(field, more=''):
    return 'Authorization: %s\r\n%s' % (field.scene.ann.token, more)


def messages(field):
    return '/api/v10/channels/%s/messages' % field.scene.hall


def in_threads(jobs):
    """Runs functions at the same time; the first that failed fails us."""
    errors = []

    def run(job):
        try:
            job()
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@step('random bytes, and requests with random wounds: an error or an end, never silence')
def _(field):
    chance = random.Random(SEED)
    good = [request('POST', messages(field), auth(field, 'Content-Type: application/json\r\n'), b'{"content":"x","tts":false}'),
            request('POST', messages(field), auth(field, 'Transfer-Encoding: chunked\r\n'), b'5;a=b\r\n{"a":\r\n2\r\n1}\r\n0\r\nA: b\r\n\r\n'),
            request('GET', messages(field) + '?limit=5&before=1%2e', auth(field)),
            request('POST', messages(field), auth(field, 'Content-Type: multipart/form-data; boundary=b\r\n'),
                    b'--b\r\nContent-Disposition: form-data; name="files[0]"; filename="a"\r\n\r\nxyz\r\n--b--\r\n')]
    with field.attack():
        for i in range(4000 if FULL else 400):
            if i % 4 == 0:
                data = bytearray(chance.randbytes(chance.randrange(1, 3000)))
            else:
                data = bytearray(chance.choice(good))
                for _ in range(chance.randrange(1, 6)):
                    at = chance.randrange(len(data))
                    how = chance.randrange(4)
                    if how == 0:
                        data[at] = chance.randrange(256)
                    elif how == 1:
                        del data[at:at + chance.randrange(1, 30)]
                    elif how == 2:
                        data[at:at] = data[at:at + 40]
                    else:
                        data[at:at] = chance.choice([b'\r\n', b'\n', b'\0', b' ', b':', b'\xff', b'99999999999999999999'])
                    if not data:
                        break
            for status in statuses(field, bytes(data)):
                assert 200 <= status < 600 and status != 500, (status, bytes(data))


@step('smuggling: one error, and the request behind it is not served')
def _(field):
    post = 'POST /api/v10/auth/login HTTP/1.1\r\n'
    wrong = {
        'two lengths': 'Host: x\r\nContent-Length: 0\r\nContent-Length: 50\r\n\r\n',
        'two lengths that agree': 'Host: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n',
        'a list of lengths': 'Host: x\r\nContent-Length: 0, 0\r\n\r\n',
        'a signed length': 'Host: x\r\nContent-Length: +0\r\n\r\n',
        'a hexadecimal length': 'Host: x\r\nContent-Length: 0x0\r\n\r\n',
        'an endless length': 'Host: x\r\nContent-Length: 18446744073709551616\r\n\r\n',
        'an empty length': 'Host: x\r\nContent-Length:\r\n\r\n',
        'length and chunks': 'Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'chunks and length': 'Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
        'chunks twice': 'Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'chunks not last': 'Host: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
        'another coding': 'Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
        'a coding behind a tab': 'Host: x\r\nTransfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n',
        'a space before the colon': 'Host: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
        'a folded line': 'Host: x\r\nX: a\r\n Content-Length: 5\r\n\r\n',
        'a folded first line': ' Content-Length: 5\r\nHost: x\r\n\r\n',
        'bare line feeds': 'Host: x\nContent-Length: 0\n\n',
        'a bare line feed in a value': 'Host: x\r\nX: a\nContent-Length: 5\r\n\r\n',
        'a bare carriage return': 'Host: x\r\nX: a\rContent-Length: 5\r\n\r\n',
        'a NUL in a value': 'Host: x\r\nX: a\0b\r\n\r\n',
        'a NUL in a name': 'Host: x\r\nX\0: a\r\n\r\n',
        'no name': 'Host: x\r\n: a\r\n\r\n',
        'no colon': 'Host: x\r\nContent-Length\r\n\r\n',
        'two hosts': 'Host: x\r\nHost: y\r\n\r\n',
        'no host': 'X: a\r\n\r\n',
        'a host with a path': 'Host: x/y\r\n\r\n',
        'a host with a name': 'Host: user@x\r\n\r\n',
        'a chunk size with a sign': 'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n',
        'a chunk size with 0x': 'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n',
        'a chunk size that overflows': 'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n',
        'a chunk size with a space': 'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0 \r\n\r\n',
        'a chunk that goes on': 'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n',
        'a chunk line with a bare line feed': 'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\n\r\n',
        'a bare carriage return in an extension': 'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0;a\rb\r\n\r\n',
        'a trailer without a name': 'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n: a\r\n\r\n',
    }
    with field.attack():
        for name, rest in wrong.items():
            got = statuses(field, (post + rest).encode('latin-1') + SECOND)
            assert len(got) == 1 and got[0] in (400, 413, 501), '%s: %r' % (name, got)
        for line in ('GET  / HTTP/1.1', 'GET / HTTP/1.1 ', 'GET /\t HTTP/1.1', 'GET / HTTP/1.1\0', 'GET / HTTP/2.0', 'GET / http/1.1',
                     'GET /a b HTTP/1.1', 'G\x80T / HTTP/1.1', 'GET \x80 HTTP/1.1', 'GET / HTTP/1.', 'GET /', 'GET', '\x16\x03\x01\x02'):
            got = statuses(field, line.encode('latin-1') + b'\r\nHost: x\r\n\r\n' + SECOND)
            assert len(got) == 1 and 400 <= got[0] <= 505, '%r: %r' % (line, got)


@step('chunks: giant extensions, tiny chunks without end, trailers without end')
def _(field):
    head = request('POST', messages(field), auth(field, 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n'))
    with field.attack():
        for name, data, wanted in (
                ('one extension of 10 MB', b'1;' + b'x' * 10_000_000, 400),
                ('extensions on each chunk', b'1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n' * 100000, 400),
                ('digits without end', b'0' * 10_000_000, 400),
                ('trailers without end', b'0\r\n' + b'A: b\r\n' * 100000, 431),
                ('a size beyond all', b'7fffffffffffffff\r\n' + b'x' * 1000, 400),
                ('a size beyond the limit', b'fffffffff\r\n' + b'x' * 1000, 413)):
            got = statuses(field, head + data)
            eq(got, [wanted], name)
        # A megabyte in chunks of a byte each is legal, and must not cost much.
        cpu = field.server.cpu_seconds()
        eq(statuses(field, head + b'1\r\n \r\n' * 300000 + b'2\r\n{}\r\n0\r\n\r\n', 30)[:1], [400], 'one by one')
        print('# 300,000 chunks of a byte: %.2f s of CPU' % (field.server.cpu_seconds() - cpu), flush=True)


@step('targets: absolute, odd, endless; escapes that lead out of the files lead nowhere')
def _(field):
    with field.attack():
        for target, wanted in (('http://x/healthz', {200}), ('http://x', {200}), ('HTTP://x/healthz', {200}), ('//x/healthz', {404}),
                               ('http://user@x/healthz', {400}), ('http:///healthz', {400}), ('ftp://x/', {400}), ('x:80', {400}),
                               ('healthz', {400}), ('*', {400, 404}), ('/healthz#x', {400}), ('/healthz?' + 'a=b&' * 3000, {200}),
                               ('/healthz?' + 'a' * 20000, {414}), ('/' + 'a' * 16000, {404}), ('/' + 'a' * 70000, {414}),
                               ('/%', {404, 400}), ('/%zz', {404, 400}), ('/%00', {404, 400}), ('/healthz%00', {404, 400})):
            got = statuses(field, request('GET', target, CLOSE))
            assert len(got) == 1 and got[0] in wanted, '%.60s: %r' % (target, got)
        ways = ['../', '..%2f', '%2e%2e/', '%2e%2e%2f', '..%5c', '..\\', '....//', '%252e%252e%252f', '..%c0%af', '.%00./', './/../']
        for root in ('', 'attachments/', 'attachments/1/2/', 'avatars/', 'avatars/1/', 'icons/1/', 'emojis/', 'embed/avatars/', 'guilds/1/users/2/avatars/',
                     'ephemeral-attachments/1/2/', 'upload/', 'api/v10/../../'):
            for way in ways:
                for end in ('secrets/file.key', 'etc/passwd', 'files/x', 'store/CURRENT'):
                    (status, _, body), = field.scene.exchange(request('GET', '/' + root + way * 6 + end, CLOSE))
                    assert status in (400, 403, 404), '%s answered %d' % (root + way + end, status)
                    assert len(body) < 300 and b'root:' not in body and b'MANIFEST' not in body, body
        path = messages(field) + '?' + '&'.join('limit=%d' % i for i in range(3000))
        (status,) = statuses(field, request('GET', path, auth(field, CLOSE)))
        assert status in (200, 400, 414), status


@step('bodies in a coding that nobody undoes are refused before they are read')
def _(field):
    with field.attack():
        bomb = gzip.compress(b'{"content":"' + b' ' * 50_000_000 + b'"}')
        for coding, body in (('gzip', bomb), ('x-gzip', bomb), ('deflate', zlib.compress(b'{}')), ('br', b'\x0b'), ('gzip, gzip', bomb),
                             ('identity, gzip', bomb)):
            got = field.scene.exchange(request('POST', messages(field), auth(
                field, 'Content-Type: application/json\r\nContent-Encoding: %s\r\n' % coding), body), shut=len(body) < 1000)
            eq([a[0] for a in got], [415], coding)
            eq(json.loads(got[0][2])['code'], 0)
        for coding in ('identity', 'Identity', ''):
            (got,) = statuses(field, request('POST', messages(field), auth(
                field, CLOSE + 'Content-Type: application/json\r\nContent-Encoding: %s\r\n' % coding), b'{"content":"plain"}'))
            eq(got, 200, repr(coding))


@step('JSON: 100,000 levels, a million values, keys that collide, numbers without end, eight at once')
def _(field):
    deep = 100000
    bodies = [b'[' * deep, b'[' * deep + b']' * deep, b'{"a":' * deep + b'1' + b'}' * deep, b'{"embeds":' + b'[' * deep + b']' * deep + b'}',
              b'{"content":' + b'[{"a":' * (deep // 2), b'[' + b'[],' * 330000 + b'[]]', b'{"a":[' + b'0,' * 500000 + b'0]}',
              b'{' + b','.join(b'"%x":0' % (i * 2654435761 % 2**32) for i in range(75000)) + b'}',
              b'{"content":"x","nonce":' + b'9' * 900000 + b'}', b'{"content":"' + b'\\u0041' * 150000 + b'"}',
              b'{"content":"' + b'\xed\xa0\x80' * 1000 + b'"}', b'{"content":"\xff\xfe"}', b'{"content":"\xf4\x90\x80\x80"}',
              b'{"content":"x","embeds":[' + b'{"title":"a"},' * 60000 + b'{}]}', b'{"a":' + b' ' * 1000000 + b'1}', b'\xef\xbb\xbf{"content":"x"}',
              b'{"content":"x","shared_client_theme":' + b'[' * 30 + b']' * 30 + b'}', b'{"content":"x","shared_client_theme":' + b'{"a":' * 30 + b'1' + b'}' * 31]

    def send(body):
        def run():
            (got,) = statuses(field, request('POST', messages(field), auth(
                field, CLOSE + 'Content-Type: application/json\r\n'), body), 60)
            assert got in (400, 413), '%.40r answered %d' % (body, got)
        return run
    with field.attack():
        for i in range(0, len(bodies), 8):
            in_threads([send(body) for body in bodies[i:i + 8]])


@step('forms: a million empty parts, heads without end, ten files of the most that is allowed, no end')
def _(field):
    kind = 'Content-Type: multipart/form-data; boundary=b\r\n'
    part = b'--b\r\nContent-Disposition: form-data; name="files[%d]"; filename="f%d"\r\n\r\n'
    most = 1 << 20  # file_max of this server

    def post(body, more='', path=None, **args):
        return statuses(field, request('POST', path or messages(field), auth(field, kind + more), body), **args)
    with field.attack():
        for name, body, wanted in (
                ('a million parts', b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 200000, {413}),
                ('a million delimiters', b'--b\r\n' * 1000000, {431}),
                ('a head without end', b'--b\r\n' + b'X-Y: z\r\n' * 200000, {431}),
                ('a line without end', b'--b\r\nX-Y: ' + b'z' * 1000000, {431}),
                ('a name without end', b'--b\r\nContent-Disposition: form-data; name="' + b'n' * 3000 + b'"\r\n\r\n\r\n--b--\r\n', {400}),
                ('a preamble without end', b'x' * 1000000, {400}),
                ('padding without end', b'--b' + b' ' * 1000000, {400}),
                ('half delimiters', part % (0, 0) + b'\r\n--\r\r\n-' * 100000 + b'\r\n--b', {400}),
                ('parameters without end', b'--b\r\nContent-Disposition: form-data' + b'; a=b' * 700 + b'\r\n\r\n\r\n--b--\r\n', {400}),
                ('a field of 2 MB', b'--b\r\nContent-Disposition: form-data; name="payload_json"\r\n\r\n' + b' ' * 2_000_000 + b'\r\n--b--\r\n', {413}),
                ('a file too big', part % (0, 0) + b'x' * (most + 1) + b'\r\n--b--\r\n', {413})):
            got = post(body, timeout=30)
            assert len(got) == 1 and got[0] in wanted, '%s: %r' % (name, got)
        ten = b''.join(part % (i, i) + b'\xa5' * most + b'\r\n' for i in range(10)) + b'--b--\r\n'

        def whole():
            eq(post(ten, CLOSE, timeout=60), [200], 'ten files')

        def torn():
            eq(post(ten[:-9], 'Content-Length: %d\r\n' % (len(ten) + 50), timeout=60), [], 'ten files and no end')
        in_threads([whole, torn] * (8 if FULL else 2))
        (got,) = post(ten.replace(b'--b--\r\n', part % (10, 10) + b'x\r\n--b--\r\n'), timeout=60)
        assert got in (400, 413), 'eleven files: %d' % got


@step('10,000 requests on one connection that reads nothing, then all answers in order')
def _(field):
    count = 10000
    data = b''.join(request('GET', '/api/v10/nonsense/%d' % i) for i in range(count // 2)) + \
        request('GET', '/api/v10/users/@me', auth(field)) * (count // 2)
    with field.attack(patience=5), field.connect(receive=4096) as sock:
        sock.setblocking(False)
        at, quiet = 0, 0
        while at < len(data) and quiet < 10:
            try:
                at, quiet = at + sock.send(data[at:at + 65536]), 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.1)
        print('# %.0f of %.0f KB were taken before the server stopped reading' % (at / 1e3, len(data) / 1e3), flush=True)
        got, sock_buffer = 0, b''
        until = time.monotonic() + 60
        while got < count:
            assert time.monotonic() < until, '%d of %d answers' % (got, count)
            readable, writable, _ = select.select([sock], [sock] if at < len(data) else [], [], 5)
            if writable:
                at += sock.send(data[at:at + 65536])
            if readable:
                more = sock.recv(262144)
                assert more, 'closed after %d answers' % got
                sock_buffer += more
                found = sock_buffer.count(b'HTTP/1.1 ')
                if found > 1:
                    cut = sock_buffer.rfind(b'HTTP/1.1 ')
                    for piece in sock_buffer[:cut].split(b'HTTP/1.1 ')[1:]:
                        assert piece.startswith(b'404' if got < count // 2 else b'200'), piece[:80]
                        got += 1
                    sock_buffer = sock_buffer[cut:]
            if got == count - 1 and sock_buffer.endswith(b'}'):
                got += 1


@step('readers that take nothing of big answers, many at once')
def _(field):
    scene = field.scene
    channel = scene.channel()
    embed = {'title': 't' * 256, 'description': 'd' * 4096, 'fields': [{'name': 'n' * 60, 'value': 'v' * 60}] * 10}
    for i in range(50):
        scene.ann.rest.post('/channels/%s/messages' % channel, {'content': '\u20ac' * 1900, 'embeds': [embed]}).ok(200)
    big = request('GET', '/api/v10/channels/%s/messages?limit=100' % channel, auth(field))
    size = len(scene.ann.rest.get('/channels/%s/messages' % channel, query={'limit': 100}).raw)
    count = 400 if FULL else 200
    with field.attack(patience=60):
        socks = []
        for _ in range(count):
            sock = field.connect(receive=2048)
            sock.sendall(big * 20)
            socks.append(sock)
        time.sleep(3)
        (status, _, body), = scene.exchange(request('GET', '/api/v10/users/@me', auth(field, CLOSE)))
        eq(status, 200)
        print('# %d readers of %d KB each' % (count, size // 1000), flush=True)
        for sock in socks:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            sock.close()
