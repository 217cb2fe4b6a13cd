"""HTTP as bytes: what client libraries never send, and the exact form of what they get."""

import json
import re
import socket
import time

from .base import UNKNOWN, eq, read_answers, step


def request(method, path, headers='', body=b'', host='Host: x\r\n'):
    head = '%s %s HTTP/1.1\r\n%s%s' % (method, path, host, headers)
    if body and 'ransfer-' not in headers and 'ontent-Length' not in headers:
        head += 'Content-Length: %d\r\n' % len(body)
    return (head + '\r\n').encode() + body


def auth(scene, more=''):
    return 'Authorization: %s\r\n%s' % (scene.ann.token, more)


def message_path(scene):
    return '/api/v10/channels/%s/messages' % scene.hall


CLOSE = 'Connection: close\r\n'


@step('errors: 401, 404 and 405 with code 0')
def _(scene):
    for path, status, message in (('/api/v10/users/@me', 401, '401: Unauthorized'), ('/api/v10/nonsense', 404, '404: Not Found'),
                                  ('/api/v10/guilds/1/nonsense/2', 404, '404: Not Found')):
        (got, headers, body), = scene.exchange(request('GET', path, CLOSE))
        eq((got, json.loads(body)), (status, {'message': message, 'code': 0}), path)
        eq(headers['content-type'], 'application/json', path)
    (got, headers, body), = scene.exchange(request('DELETE', '/api/v10/gateway', CLOSE))
    eq((got, json.loads(body)), (405, {'message': '405: Method Not Allowed', 'code': 0}))
    assert 'GET' in headers.get('allow', ''), 'Allow is %r' % headers.get('allow')
    (got, _, body), = scene.exchange(request('PROPFIND', '/api/v10/gateway', CLOSE))
    assert got in (405, 501), got


@step('a route that is not served says which: 404 code 0')
def _(scene):
    answer = scene.ann.rest.post('/lobbies', {})
    answer.refused(404, 0)
    assert 'POST /lobbies' in answer.body['message'], answer.body
    answer = scene.ann.rest.get('/lobbies/%s' % UNKNOWN)
    answer.refused(404, 0)
    assert 'GET /lobbies/{lobby_id}' in answer.body['message'], answer.body


@step('Authorization: forms that are taken and forms that are not')
def _(scene):
    me = '/users/@me'
    for value in ('Bot ', 'Bot', 'Bearer nonsense', 'Basic YTpi', 'Bot nonsense', 'nonsense', 'Bot ' + 'x' * 5000,
                  'Bot ' + scene.ann.token, 'Bearer ' + scene.bot.token):
        answer = scene.world.nobody.get(me, headers={'Authorization': value})
        assert answer.status in (401, 431), '%.20s: %d' % (value, answer.status)
        if answer.status == 401:
            eq((answer.body['message'], answer.code), ('401: Unauthorized', 0))
    eq(scene.world.nobody.get(me, headers={'Authorization': 'Bot ' + scene.bot.token}).ok(200)['id'], scene.bot.id)
    eq(scene.world.nobody.get(me, headers={'authorization': scene.ann.token}).ok(200)['id'], scene.ann.id)


@step('all versions of the API are routed')
def _(scene):
    for prefix in ('/api/v10', '/api/v9', '/api/v8', '/api'):
        eq(scene.ann.rest.get(prefix + '/users/@me').ok(200)['id'], scene.ann.id, prefix)
    assert scene.ann.rest.get('/api/v99/users/@me').status in (400, 404), 'a version that is not'


@step('JSON that cannot be read is 400 code 50109')
def _(scene):
    for raw in (b'{', b'{"content":"x"', b"{'content':'x'}", b'{"content":"x"}}', b'\xff\xfe', b'{"content":"\xff"}', b'nul',
                b'{"content":"\xed\xa0\x80"}', b'[' * 100000, b'{"a":' * 50000 + b'1' + b'}' * 50000, b'{"content":1e99999}',
                b'{"content":"x",}', b'{"content":"\x01"}', b'{"content":"a\nb"}'):
        answer = scene.ann.rest.post('/channels/%s/messages' % scene.hall, raw=raw, headers={'Content-Type': 'application/json'})
        assert answer.status == 400 and answer.code in (50109, 50035), '%.30r gave %d %r' % (raw, answer.status, answer.raw[:200])
    answer = scene.ann.rest.post('/channels/%s/messages' % scene.hall, raw=b'{', headers={'Content-Type': 'application/json'})
    answer.refused(400, 50109)
    scene.say(scene.ann, 'still here')


@step('100,000 levels of JSON end nothing')
def _(scene):
    for raw in (b'[' * 100000 + b']' * 100000, b'{"embeds":' + b'[' * 100000 + b']' * 100000 + b'}',
                b'{"a":' * 100000 + b'null' + b'}' * 100000):
        answer = scene.ann.rest.post('/channels/%s/messages' % scene.hall, raw=raw, headers={'Content-Type': 'application/json'})
        assert answer.status in (400, 413), answer.status
    scene.say(scene.ann, 'still here')


@step('form errors sit where they belong, all of them at once')
def _(scene):
    answer = scene.ann.rest.post('/channels/%s/messages' % scene.hall, {
        'content': 'x' * 4001, 'tts': 'loud', 'embeds': [{'title': 'fine'}, {'title': 'x' * 257, 'fields': [{'name': 'n'}]}]})
    answer.refused(400, 50035, 'content', 'BASE_TYPE_MAX_LENGTH')
    answer.refused(400, 50035, 'embeds.1.title', 'BASE_TYPE_MAX_LENGTH')
    answer.refused(400, 50035, 'embeds.1.fields.0.value', 'BASE_TYPE_REQUIRED')
    answer.refused(400, 50035, 'tts')
    eq(answer.body['message'], 'Invalid Form Body')
    eq(answer.body['errors']['content']['_errors'][0]['message'], 'Must be 4000 or fewer in length.')
    assert '0' not in answer.body['errors']['embeds'], 'the good embed has an error'
    answer = scene.ann.rest.get('/channels/notanumber/messages')
    answer.refused(400, 50035, 'channel_id', 'NUMBER_TYPE_COERCE')
    eq(answer.body['errors']['channel_id']['_errors'][0]['message'], 'Value "notanumber" is not snowflake.')


@step('answers: Content-Type exactly application/json, Date, no body with 204')
def _(scene):
    raw = request('GET', '/api/v10/users/@me', auth(scene, CLOSE))
    (status, headers, body), = scene.exchange(raw)
    eq((status, headers['content-type']), (200, 'application/json'))
    assert re.match(r'^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$', headers['date']), headers['date']
    json.loads(body)
    (status, headers, body), = scene.exchange(request(
        'PUT', message_path(scene) + '/%s/reactions/%%F0%%9F%%91%%8D/@me' % scene.say(scene.ann, 'react')['id'],
        auth(scene, CLOSE + 'Content-Length: 0\r\n')))
    eq((status, body), (204, b''))
    assert 'content-type' not in headers and headers.get('content-length', '0') == '0'


@step('HEAD is GET without its body')
def _(scene):
    with socket.create_connection((scene.host, scene.port), 10) as sock:
        sock.sendall(request('HEAD', '/api/v10/users/@me', auth(scene)) + request('GET', '/api/v10/users/@me', auth(scene, CLOSE)))
        data = b''
        while True:
            more = sock.recv(65536)
            if not more:
                break
            data += more
    head, _, rest = data.partition(b'\r\n\r\n')
    assert head.startswith(b'HTTP/1.1 200'), head[:80]
    assert rest.startswith(b'HTTP/1.1 200'), 'a body came with HEAD'
    length = re.search(rb'(?i)content-length: (\d+)', head)
    if length:
        eq(int(length.group(1)), len(rest.partition(b'\r\n\r\n')[2]), 'Content-Length of HEAD')


@step('pipelined requests are answered in order')
def _(scene):
    paths = ['/api/v10/users/@me', '/api/v10/gateway', '/api/v10/channels/%s' % scene.hall, '/api/v10/nonsense'] * 5
    raw = b''.join(request('GET', p, auth(scene)) for p in paths)
    answers = scene.exchange(raw + request('GET', '/api/v10/gateway', auth(scene, CLOSE)))
    eq(len(answers), 21, 'answers')
    for i, path in enumerate(paths):
        body = json.loads(answers[i][2])
        if path.endswith('@me'):
            eq(body['id'], scene.ann.id, 'answer %d' % i)
        elif path.endswith('gateway'):
            eq(list(body), ['url'], 'answer %d' % i)
        elif path.endswith('nonsense'):
            eq((answers[i][0], body['code']), (404, 0))
        else:
            eq((answers[i][0], body.get('id')), (200, scene.hall), 'answer %d' % i)


@step('pipelined writes take effect in order')
def _(scene):
    channel = scene.channel()
    raw = b''.join(request('POST', '/api/v10/channels/%s/messages' % channel, auth(scene, 'Content-Type: application/json\r\n'),
                           json.dumps({'content': 'p %d' % i}).encode()) for i in range(10))
    answers = scene.exchange(raw, answers=10)
    eq([json.loads(b)['content'] for _, _, b in answers], ['p %d' % i for i in range(10)])
    history = scene.ann.rest.get('/channels/%s/messages' % channel).ok(200)
    eq([m['content'] for m in history], ['p %d' % i for i in range(9, -1, -1)])


@step('chunked bodies, in odd pieces')
def _(scene):
    body = json.dumps({'content': 'in pieces'}).encode()
    chunks = b''.join(b'%x%s\r\n%s\r\n' % (len(p), b';ext=1' if i % 2 else b'', p)
                      for i, p in enumerate(body[j:j + 3] for j in range(0, len(body), 3)))
    raw = request('POST', message_path(scene), auth(scene, 'Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n'),
                  chunks + b'0\r\nTrailer: x\r\n\r\n')
    with socket.create_connection((scene.host, scene.port), 10) as sock:
        for i in range(0, len(raw), 50):
            sock.sendall(raw[i:i + 50])
            time.sleep(0.001)
        (status, _, answer), = read_answers(sock, 1)
        eq((status, json.loads(answer)['content']), (200, 'in pieces'))
        sock.sendall(request('GET', '/api/v10/gateway'))
        eq(read_answers(sock, 1)[0][0], 200, 'the next request on the connection')


@step('Expect: 100-continue')
def _(scene):
    body = json.dumps({'content': 'as expected'}).encode()
    raw = request('POST', message_path(scene), auth(
        scene, 'Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: %d\r\n' % len(body)))
    with socket.create_connection((scene.host, scene.port), 10) as sock:
        sock.settimeout(10)
        sock.sendall(raw)
        first = sock.recv(100)
        assert first.startswith(b'HTTP/1.1 100 '), first[:60]
        sock.sendall(body)
        (status, _, answer), = read_answers(sock, 1)
        eq((status, json.loads(answer)['content']), (200, 'as expected'))


@step('a body too big: 413, before it was sent')
def _(scene):
    for size in (3 << 30, 1 << 62):
        raw = request('POST', message_path(scene), auth(scene, 'Content-Type: application/json\r\nContent-Length: %d\r\n' % size),
                      b'{')
        (status, headers, body), = scene.exchange(raw, answers=1)
        assert (status, json.loads(body)['code']) in ((413, 40005), (400, 0) if size > 1 << 60 else None), '%d: %d %r' % (
            size, status, body)
    big = b'{"content":"' + b'x' * (30 << 20) + b'"}'
    answers = scene.exchange(request('POST', message_path(scene), auth(scene, 'Content-Type: application/json\r\n'), big), answers=1)
    assert answers[0][0] in (413, 400), answers[0][0]
    (status, _, _), = scene.exchange(request(
        'POST', message_path(scene), 'Authorization: Bot nonsense\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n',
        b'{'), answers=1)
    eq(status, 401, 'a big body without a good token is not read')
    scene.say(scene.ann, 'still here')


@step('chunked without end is cut off')
def _(scene):
    with socket.create_connection((scene.host, scene.port), 20) as sock:
        sock.settimeout(20)
        sock.sendall(request('POST', message_path(scene), auth(scene, 'Transfer-Encoding: chunked\r\n')))
        try:
            for _ in range(4000):
                sock.sendall(b'8000\r\n' + b'x' * 0x8000 + b'\r\n')
        except (BrokenPipeError, ConnectionResetError):
            return
        (status, _, _), = read_answers(sock, 1)
        assert status in (400, 413), status


@step('smuggling: two lengths, both framings, odd spaces, bare line feeds')
def _(scene):
    good = 'Content-Type: application/json\r\n'
    body = b'{"content":"smuggled"}'
    for name, headers in (
            ('both framings', 'Content-Length: 22\r\nTransfer-Encoding: chunked\r\n'),
            ('two lengths', 'Content-Length: 22\r\nContent-Length: 5\r\n'),
            ('a list of lengths', 'Content-Length: 22, 5\r\n'), ('negative', 'Content-Length: -1\r\n'),
            ('plus', 'Content-Length: +22\r\n'), ('hex', 'Content-Length: 0x16\r\n'),
            ('space before colon', 'Content-Length : 22\r\n'), ('folded', 'X-A: b\r\n c\r\nContent-Length: 22\r\n'),
            ('unknown coding', 'Transfer-Encoding: gzip, chunked\r\n'), ('coding twice', 'Transfer-Encoding: chunked, chunked\r\n'),
            ('odd coding', 'Transfer-Encoding: xchunked\r\n'), ('bare LF', 'X-A: b\nContent-Length: 22\r\n'),
            ('NUL', 'X-A: b\0c\r\nContent-Length: 22\r\n'), ('bare CR', 'X-A: b\rc\r\nContent-Length: 22\r\n')):
        raw = ('POST %s HTTP/1.1\r\nHost: x\r\n%s%s\r\n' % (message_path(scene), auth(scene, good), headers)).encode() + body
        answers = scene.exchange(raw, answers=1)
        assert answers and answers[0][0] in (400, 501), '%s: %s' % (name, [a[0] for a in answers])
    for chunks in (b'zz\r\nx\r\n0\r\n\r\n', b'-1\r\nx\r\n', b'3\r\nabcd\r\n0\r\n\r\n', b'ffffffffffffffffff\r\nx', b'1 \r\nx\r\n0\r\n\r\n',
                   b'1\nx\n0\n\n'):
        answers = scene.exchange(request('POST', message_path(scene), auth(scene, good + 'Transfer-Encoding: chunked\r\n'), chunks),
                                 answers=1)
        assert answers and answers[0][0] in (400, 413), '%r: %s' % (chunks, [a[0] for a in answers])
    history = scene.ann.rest.get('/channels/%s/messages' % scene.hall).ok(200)
    assert not [m for m in history if m['content'] == 'smuggled'], 'something got through'


@step('request lines and heads: too long, too many, not HTTP')
def _(scene):
    for name, raw, statuses in (
            ('long path', request('GET', '/api/v10/' + 'x' * 40000), (414, 431)),
            ('long header', request('GET', '/api/v10/gateway', 'X-A: %s\r\n' % ('x' * 70000)), (431,)),
            ('many headers', request('GET', '/api/v10/gateway', 'X-A: b\r\n' * 500), (431,)),
            ('HTTP/2', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (400, 505)), ('HTTP/3', b'GET / HTTP/3.0\r\nHost: x\r\n\r\n', (400, 505)),
            ('no version', b'GET /\r\n\r\n', (400,)), ('no host', b'GET /api/v10/gateway HTTP/1.1\r\n\r\n', (400,)),
            ('two hosts', b'GET /api/v10/gateway HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', (400,)),
            ('space in path', b'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', (400,)), ('TLS', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc' * 9 + b'\r\n\r\n', (400,)),
            ('NUL in path', b'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n', (400,)), ('bad escape', request('GET', '/api/v10/users/%zz'), (400, 401, 404)),
            ('climbing', request('GET', '/api/v10/../../../etc/passwd'), (400, 404))):
        answers = scene.exchange(raw, answers=1)
        assert answers and answers[0][0] in statuses, '%s: %s' % (name, [a[0] for a in answers])


@step('keep-alive, Connection: close and HTTP/1.0')
def _(scene):
    with socket.create_connection((scene.host, scene.port), 10) as sock:
        sock.settimeout(10)
        for _ in range(5):
            sock.sendall(request('GET', '/api/v10/gateway'))
            eq(read_answers(sock, 1)[0][0], 200)
    (status, headers, _), = scene.exchange(request('GET', '/api/v10/gateway', CLOSE))
    eq((status, headers.get('connection', '').lower()), (200, 'close'))
    (status, _, _), = scene.exchange(b'GET /api/v10/gateway HTTP/1.0\r\n\r\n')
    eq(status, 200)


@step('h2c is politely overlooked')
def _(scene):
    (status, _, body), = scene.exchange(request(
        'GET', '/api/v10/gateway', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'),
        answers=1)
    eq((status, list(json.loads(body))), (200, ['url']))


@step('CORS: any page may call, and read the headers of limits')
def _(scene):
    (status, headers, _), = scene.exchange(request('GET', '/api/v10/gateway', 'Origin: https://app.example\r\n' + CLOSE))
    eq(status, 200)
    assert headers.get('access-control-allow-origin') in ('*', 'https://app.example'), headers
    exposed = headers.get('access-control-expose-headers', '').lower()
    assert 'retry-after' in exposed and 'x-ratelimit-remaining' in exposed, exposed
    (status, headers, _), = scene.exchange(request(
        'OPTIONS', message_path(scene), 'Origin: https://app.example\r\nAccess-Control-Request-Method: PATCH\r\n'
        'Access-Control-Request-Headers: authorization,content-type,x-audit-log-reason\r\n' + CLOSE))
    assert status in (200, 204), status
    assert 'PATCH' in headers.get('access-control-allow-methods', ''), headers
    allowed = headers.get('access-control-allow-headers', '').lower()
    assert '*' in allowed or ('authorization' in allowed and 'x-audit-log-reason' in allowed), allowed


@step('queries: booleans in all forms, odd escapes, repeated keys')
def _(scene):
    for value in ('true', 'True', '1'):
        guild = scene.ann.rest.get('/guilds/%s' % scene.guild_id, query={'with_counts': value}).ok(200)
        assert guild['approximate_member_count'] >= 2, value
    for value in ('false', 'False', '0'):
        assert 'approximate_member_count' not in scene.ann.rest.get('/guilds/%s' % scene.guild_id, query={'with_counts': value}).ok(200)
    for path in ('?limit=1&limit=2', '?limit=%31', '?', '?&&&', '?limit', '?=1', '?limit=1%00', '?%ff=1'):
        (status, _, _), = scene.exchange(request('GET', message_path(scene) + path, auth(scene)), answers=1)
        assert status in (200, 400), '%s: %d' % (path, status)


@step('slow heads are cut off, others are served meanwhile', slow=True)
def _(scene):
    with socket.create_connection((scene.host, scene.port), 60) as sock:
        sock.settimeout(60)
        sock.sendall(b'GET /api/v10/gateway HTTP/1.1\r\nHost: x\r\n')
        begin = time.monotonic()
        ended = None
        while time.monotonic() - begin < 45:
            try:
                sock.sendall(b'X-A: b\r\n')
            except OSError:
                ended = time.monotonic() - begin
                break
            time.sleep(1)
            if int(time.monotonic() - begin) % 5 == 0:
                scene.world.nobody.get('/gateway').ok(200)
        assert ended, 'a head may take for ever'


@step('500 connections that say nothing harm nobody')
def _(scene):
    socks = []
    try:
        for _ in range(500):
            socks.append(socket.create_connection((scene.host, scene.port), 10))
        begin = time.monotonic()
        scene.say(scene.ann, 'through the crowd')
        assert time.monotonic() - begin < 2
    finally:
        for sock in socks:
            sock.close()
