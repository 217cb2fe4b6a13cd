"""Files: attachments from their upload to their end, uploads ahead of a message, forwards, avatars and icons."""

import base64
import http.client
import os
import struct
import time
import urllib.parse

from .base import UNKNOWN, eq, step
from lib.upload import form, send


def png(width, height, rest=b''):
    return b'\x89PNG\r\n\x1a\n' + struct.pack('>I4sIIBBBBBI', 13, b'IHDR', width, height, 8, 2, 0, 0, 0, 0) + rest


def data_uri(content, kind='image/png'):
    return 'data:%s;base64,%s' % (kind, base64.b64encode(content).decode())


def fetch(scene, url, method='GET', body=None, **headers):
    """(status, headers, content) of a path outside /api, without a token."""
    parts = urllib.parse.urlparse(url)
    connection = http.client.HTTPConnection(scene.host, scene.port, timeout=15)
    connection.request(method, parts.path + ('?' + parts.query if parts.query else ''), body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, {k.lower(): v for k, v in response.getheaders()}, content


def status(scene, url):
    return fetch(scene, url)[0]


@step('an attachment comes back byte by byte, large ones and ranges too')
def _(scene):
    big = os.urandom(3 << 20)
    sent = send(scene.ann, scene.channel(), {'content': 'both', 'attachments': [{'id': 1, 'description': 'large'}, {'id': 0}]},
                ('small note.txt', b'hello'), ('big.bin', big)).ok(200)
    large, small = sent['attachments']
    eq((large['filename'], large['size'], large['description']), ('big.bin', len(big), 'large'))
    eq((small['filename'], small['title'], small['content_type']), ('small_note.txt', 'small note', 'text/plain; charset=utf-8'))
    code, headers, content = fetch(scene, large['url'])
    assert code == 200 and content == big, code
    eq(headers['accept-ranges'], 'bytes')
    assert headers['content-disposition'].startswith('attachment'), headers
    code, headers, content = fetch(scene, large['url'], Range='bytes=1000-1999')
    eq((code, content == big[1000:2000], headers['content-range']), (206, True, 'bytes 1000-1999/%d' % len(big)))
    eq(fetch(scene, large['url'], Range='bytes=99999999-')[0], 416)
    code, headers, content = fetch(scene, small['url'], 'HEAD')
    eq((code, headers['content-length'], content), (200, '5', b''))
    eq(fetch(scene, small['url'], **{'If-None-Match': headers['etag']})[0], 304)
    eq(fetch(scene, small['url'], 'POST')[0], 405)


@step('a link is good as it was signed, and only so')
def _(scene):
    one, two = send(scene.ann, scene.hall, {}, ('a.txt', b'a'), ('b.txt', b'b')).ok(200)['attachments']
    query = one['url'].split('?')[1]
    eq(status(scene, one['url']), 200)
    for bad in (one['url'].split('?')[0], two['url'].split('?')[0] + '?' + query, one['url'].replace('a.txt', 'b.txt'),
                one['url'].replace('ex=', 'ex=f'), one['url'][:-3] + '00&'):
        eq(status(scene, bad), 403, bad)
    eq(status(scene, '/attachments/1/2'), 404)
    fresh = scene.ann.rest.post('/attachments/refresh-urls', {'attachment_urls': [one['url'].split('?')[0], 'https://example.org/x']}).ok(200)
    first, other = fresh['refreshed_urls']
    eq(status(scene, first['refreshed']), 200)
    eq(other['refreshed'], 'https://example.org/x')
    hidden = scene.channel(permission_overwrites=[{'id': scene.guild_id, 'type': 0, 'deny': '1024'}])
    url = send(scene.ann, hidden, {}, ('c.txt', b'c')).ok(200)['attachments'][0]['url'].split('?')[0]
    fresh = scene.bob.rest.post('/attachments/refresh-urls', {'attachment_urls': [url]}).ok(200)
    eq(fresh['refreshed_urls'][0]['refreshed'], url, 'for one who may not see the channel')


@step('images tell their size, text and sound their kind; nothing that runs is shown')
def _(scene):
    wanted = [
        ('a.png', png(640, 480), 'image/png', 640), ('b.dat', b'GIF89a\x0a\0\x14\0\0\0\0;', 'image/gif', 10),
        ('c.ogg', b'OggS....', 'audio/ogg', None), ('d.html', b'<script>alert(1)</script>', 'text/html; charset=utf-8', None),
        ('e', b'plain', 'text/plain; charset=utf-8', None), ('f', b'\0\1\2', None, None),
    ]
    found = send(scene.ann, scene.hall, {}, *[(name, content) for name, content, _, _ in wanted]).ok(200)['attachments']
    for got, (name, _, kind, width) in zip(found, wanted):
        eq((got['filename'], got.get('content_type'), got.get('width')), (name, kind, width))
        _, headers, _ = fetch(scene, got['url'])
        assert 'sandbox' in headers['content-security-policy'] and headers['x-content-type-options'] == 'nosniff', headers
        eq(headers['content-disposition'].startswith('inline'), name in ('a.png', 'b.dat', 'c.ogg', 'e'), name)


@step('a file goes with its message: by an edit, a deletion, many deletions, with the channel')
def _(scene):
    channel = scene.channel()
    path = '/channels/%s/messages' % channel
    sent = [send(scene.ann, channel, {}, ('a.txt', b'a'), ('b.txt', b'b')).ok(200) for _ in range(4)]
    keep, drop = sent[0]['attachments']
    edited = scene.ann.rest.request('PATCH', '%s/%s' % (path, sent[0]['id']), **form(
        {'attachments': [{'id': keep['id'], 'description': 'stays'}, {'id': 0, 'filename': 'renamed.txt'}]}, ('new.txt', b'new'))).ok(200)
    eq([(a['filename'], a.get('description')) for a in edited['attachments']], [('a.txt', 'stays'), ('renamed.txt', None)])
    eq([status(scene, u['url']) for u in (keep, drop, edited['attachments'][1])], [200, 404, 200])
    scene.ann.rest.delete('%s/%s' % (path, sent[1]['id'])).ok(204)
    eq([status(scene, a['url']) for a in sent[1]['attachments']], [404, 404])
    scene.ann.rest.post(path + '/bulk-delete', {'messages': [sent[0]['id'], sent[2]['id']]}).ok(204)
    eq([status(scene, a['url']) for a in edited['attachments'] + sent[2]['attachments']], [404] * 4)
    scene.ann.rest.delete('/channels/%s' % channel).ok(200)
    eq([status(scene, a['url']) for a in sent[3]['attachments']], [404, 404])


@step('files are refused: too many, none where one is named, no permission, nobody, nowhere')
def _(scene):
    channel = scene.channel(permission_overwrites=[{'id': scene.guild_id, 'type': 0, 'deny': '32768'}])
    many = [('f%d' % n, b'x') for n in range(11)]
    send(scene.ann, channel, {}, *many).refused(400, 30015)
    scene.ann.rest.post('/channels/%s/messages' % channel, {'attachments': [{'id': 0}]}).refused(400, 50035, 'attachments.0.id')
    send(scene.ann, channel, {'attachments': [{'id': 3}]}, ('a', b'x')).refused(400, 50035, 'attachments.0.id')
    send(scene.bob, channel, {}, ('a', b'x')).refused(403, 50013)
    # Large ones are refused before they are read.
    large = ('big', bytes(1 << 20))
    send(scene.bob, channel, {}, large).refused(403, 50013)
    send(scene.ann, UNKNOWN, {}, large).refused(404, 10003)
    nobody = scene.world.nobody
    eq(nobody.request('POST', '/channels/%s/messages' % channel, **form({}, large)).status, 401)
    eq(scene.ann.rest.get('/channels/%s/messages' % channel).ok(200), [])


@step('a JSON body may be 1 MB, before a login 64 KB')
def _(scene):
    channel = '/channels/%s/messages' % scene.hall
    scene.ann.rest.post(channel, {'content': 'x' * 100000}).refused(400, 50035, 'content')
    eq(scene.ann.rest.post(channel, {'content': 'x' * (2 << 20)}).status, 413)
    eq(scene.world.nobody.post('/auth/login', {'login': 'x' * 100000, 'password': 'y'}).status, 413)


@step('a file sent ahead: the address, the file, the message')
def _(scene):
    channel = scene.channel()
    content = os.urandom(200000)
    path = '/channels/%s/attachments' % channel
    entry = scene.ann.rest.post(path, {'files': [{'id': '5', 'filename': 'a b.bin', 'file_size': len(content)}]}).ok(200)['attachments'][0]
    eq(entry['id'], '5')
    message = {'attachments': [{'id': '0', 'filename': 'a b.bin', 'uploaded_filename': entry['upload_filename']}]}
    scene.ann.rest.post('/channels/%s/messages' % channel, message).refused(400, 50146)
    eq(fetch(scene, entry['upload_url'].replace('hm=', 'hm=0'), 'PUT', b'x')[0], 403)
    eq(fetch(scene, entry['upload_url'], 'PUT', content + b'x')[0], 413)
    eq(fetch(scene, entry['upload_url'], 'PUT', content)[0], 200)
    scene.bob.rest.post('/channels/%s/messages' % channel, message).refused(400, 50146)
    file = scene.ann.rest.post('/channels/%s/messages' % channel, message).ok(200)['attachments'][0]
    eq((file['filename'], file['size'], fetch(scene, file['url'])[2] == content), ('a_b.bin', len(content), True))
    scene.ann.rest.post('/channels/%s/messages' % channel, message).refused(400, 50146)
    entry = scene.ann.rest.post(path, {'files': [{'filename': 'c', 'file_size': 1}]}).ok(200)['attachments'][0]
    eq(fetch(scene, entry['upload_url'], 'PUT', b'c')[0], 200)
    scene.ann.rest.delete('/attachments/%s' % urllib.parse.quote(entry['upload_filename'])).ok(204)
    scene.ann.rest.delete('/attachments/%s' % urllib.parse.quote(entry['upload_filename'])).refused(400, 50146)


@step('embeds and layouts show the files that come with them')
def _(scene):
    sent = send(scene.ann, scene.hall, {'embeds': [{'title': 'x', 'image': {'url': 'attachment://a.png'},
                                                    'footer': {'text': 'f', 'icon_url': 'attachment://b.png'}}]},
                ('a.png', png(30, 20)), ('b.png', png(1, 1)), ('c.txt', b'c')).ok(200)
    embed = sent['embeds'][0]
    eq((embed['image']['width'], embed['image']['height'], status(scene, embed['image']['url'])), (30, 20, 200))
    eq(status(scene, embed['footer']['icon_url']), 200)
    eq([a['filename'] for a in sent['attachments']], ['c.txt'])
    edited = scene.ann.rest.patch('/channels/%s/messages/%s' % (scene.hall, sent['id']), {'embeds': sent['embeds']}).ok(200)
    eq(edited['embeds'][0]['image']['width'], 30, 'after an edit with what was read')
    sent = send(scene.ann, scene.hall, {'flags': 1 << 15, 'components': [
        {'type': 12, 'items': [{'media': {'url': 'attachment://a.png'}}]}, {'type': 13, 'file': {'url': 'attachment://c.txt'}}]},
        ('a.png', png(3, 2)), ('c.txt', b'ccc')).ok(200)
    gallery, file = sent['components']
    eq((gallery['items'][0]['media']['width'], status(scene, gallery['items'][0]['media']['url'])), (3, 200))
    eq((file['name'], file['size'], fetch(scene, file['file']['url'])[2]), ('c.txt', 3, b'ccc'))


@step('a forward keeps its file when the first message goes')
def _(scene):
    source, target = scene.channel(), scene.channel()
    sent = send(scene.ann, source, {'content': 'look'}, ('a.txt', b'forwarded')).ok(200)
    reference = {'message_reference': {'type': 1, 'channel_id': source, 'message_id': sent['id']}}
    one = scene.ann.rest.post('/channels/%s/messages' % target, reference).ok(200)
    copy = one['message_snapshots'][0]['message']
    eq((one['content'], copy['content'], one['flags'] >> 14 & 1), ('', 'look', 1))
    url = copy['attachments'][0]['url']
    scene.ann.rest.delete('/channels/%s/messages/%s' % (source, sent['id'])).ok(204)
    eq([status(scene, sent['attachments'][0]['url']), fetch(scene, url)[2]], [404, b'forwarded'])
    reference['message_reference'].update(channel_id=target, message_id=one['id'])
    twice = scene.ann.rest.post('/channels/%s/messages' % source, reference).ok(200)
    eq(twice['message_snapshots'][0]['message']['content'], 'look')
    scene.ann.rest.delete('/channels/%s/messages/%s' % (target, one['id'])).ok(204)
    eq([status(scene, url), status(scene, twice['message_snapshots'][0]['message']['attachments'][0]['url'])], [404, 200])
    scene.ann.rest.post('/channels/%s/messages' % source, dict(reference, content='more')).refused(400, 50035)
    hidden = scene.channel(permission_overwrites=[{'id': scene.guild_id, 'type': 0, 'deny': '1024'}])
    secret = scene.say(scene.ann, 'secret', hidden)
    scene.bob.rest.post('/channels/%s/messages' % scene.hall, {'message_reference': {
        'type': 1, 'channel_id': hidden, 'message_id': secret['id']}}).refused(403, 50001)


@step('a voice message is one sound with its length, and nothing else')
def _(scene):
    meta = {'id': 0, 'duration_secs': 1.5, 'waveform': 'AAAA'}
    sound = ('voice.ogg', b'OggS' + bytes(64), 'audio/ogg')
    sent = send(scene.bob, scene.hall, {'flags': 1 << 13, 'attachments': [meta]}, sound).ok(200)
    eq((sent['flags'], sent['attachments'][0]['duration_secs'], sent['attachments'][0]['waveform']), (1 << 13, 1.5, 'AAAA'))
    send(scene.bob, scene.hall, {'flags': 1 << 13, 'content': 'x', 'attachments': [meta]}, sound).refused(400, 50159)
    send(scene.bob, scene.hall, {'flags': 1 << 13, 'attachments': [meta]}, ('a.txt', b'text')).refused(400, 50160)
    send(scene.bob, scene.hall, {'flags': 1 << 13}, sound).refused(400, 50161)
    scene.bob.rest.patch('/channels/%s/messages/%s' % (scene.hall, sent['id']), {'content': 'x'}).refused(400, 50162)
    shut = scene.channel(permission_overwrites=[{'id': scene.guild_id, 'type': 0, 'deny': str(1 << 46)}])
    send(scene.bob, shut, {'flags': 1 << 13, 'attachments': [meta]}, sound).refused(403, 50173)


@step('avatars and icons: stored by their hash, served, replaced, taken away')
def _(scene):
    person = scene.world.person('painted')
    me = person.rest.patch('/users/@me', {'avatar': data_uri(png(64, 64)), 'banner': data_uri(png(10, 5))}).ok(200)
    first = '/avatars/%s/%s.webp?size=128' % (me['id'], me['avatar'])
    code, headers, content = fetch(scene, first)
    eq((code, headers['content-type'], content), (200, 'image/png', png(64, 64)))
    eq(status(scene, '/banners/%s/%s.png' % (me['id'], me['banner'])), 200)
    moving = b'GIF89a\x01\0\x01\0\0\0\0' + b'\x2c\0\0\0\0\x01\0\x01\0\0\x02\x01.\0' * 2 + b';'
    second = person.rest.patch('/users/@me', {'avatar': data_uri(moving, 'image/gif')}).ok(200)['avatar']
    assert second.startswith('a_'), second
    eq([status(scene, first), status(scene, '/avatars/%s/%s.gif' % (me['id'], second))], [404, 200])
    eq(person.rest.patch('/users/@me', {'avatar': None}).ok(200)['avatar'], None)
    eq(status(scene, '/avatars/%s/%s.gif' % (me['id'], second)), 404)
    for bad in (data_uri(b'no image'), 'data:text/plain;base64,aGk=', 'hello', data_uri(b'')):
        person.rest.patch('/users/@me', {'avatar': bad}).refused(400, 50035, 'avatar')
    large = person.rest.patch('/users/@me', {'avatar': data_uri(png(9, 9, os.urandom(4 << 20)))}).ok(200)['avatar']
    eq(status(scene, '/avatars/%s/%s.png' % (me['id'], large)), 200)
    guild = scene.ann.rest.post('/guilds', {'name': 'painted', 'icon': data_uri(png(8, 8))}).ok(201)
    eq(status(scene, '/icons/%s/%s.png' % (guild['id'], guild['icon'])), 200)
    other = scene.ann.rest.patch('/guilds/%s' % guild['id'], {'icon': data_uri(png(7, 7))}).ok(200)['icon']
    eq([status(scene, '/icons/%s/%s.png' % (guild['id'], h)) for h in (guild['icon'], other)], [404, 200])
    role = scene.ann.rest.post('/guilds/%s/roles' % guild['id'], {'name': 'r', 'icon': data_uri(png(6, 6))}).ok(200)
    eq(status(scene, '/role-icons/%s/%s.png' % (role['id'], role['icon'])), 200)
    member = scene.ann.rest.patch('/guilds/%s/members/@me' % guild['id'], {'avatar': data_uri(png(5, 5))}).ok(200)
    eq(status(scene, '/guilds/%s/users/%s/avatars/%s.png' % (guild['id'], scene.ann.id, member['avatar'])), 200)


@step('images go with what had them: a role, a member who leaves, a guild')
def _(scene):
    guild = scene.ann.rest.post('/guilds', {'name': 'painted', 'icon': data_uri(png(8, 8))}).ok(201)
    path, bob = '/guilds/' + guild['id'], scene.world.person('bob')
    scene.world.join(bob, scene.ann, guild['system_channel_id'])

    def role():
        made = scene.ann.rest.post(path + '/roles', {'name': 'r', 'icon': data_uri(png(6, 6))}).ok(200)
        return made['id'], '/role-icons/%s/%s.png' % (made['id'], made['icon'])

    def member(person):
        made = person.rest.patch(path + '/members/@me', {'avatar': data_uri(png(5, 5)), 'banner': data_uri(png(9, 3))}).ok(200)
        return ['/guilds/%s/users/%s/%s/%s.png' % (guild['id'], person.id, kind, made[key])
                for kind, key in (('avatars', 'avatar'), ('banners', 'banner'))]

    (gone, first), (kept, second) = role(), role()
    bobs, anns = member(bob), member(scene.ann)
    everything = [first, second, *bobs, *anns]
    eq([status(scene, url) for url in everything], [200] * 6)
    scene.ann.rest.delete('%s/roles/%s' % (path, gone)).ok(204)
    bob.rest.delete('/users/@me' + path).ok(204)
    eq([status(scene, url) for url in everything], [404, 200, 404, 404, 200, 200])
    scene.ann.rest.delete(path).ok(204)
    deadline = time.monotonic() + 5
    while any(status(scene, url) == 200 for url in everything) and time.monotonic() < deadline:
        time.sleep(0.05)
    eq([status(scene, url) for url in everything], [404] * 6)


@step('default avatars are made; odd paths lead nowhere')
def _(scene):
    pictures = set()
    for n in range(6):
        code, headers, content = fetch(scene, '/embed/avatars/%d.png' % n)
        eq((code, headers['content-type'], content[:4]), (200, 'image/png', b'\x89PNG'))
        pictures.add(content)
    eq(len(pictures), 6)
    for path in ('/avatars/1/%2e%2e', '/avatars/../secrets', '/avatars/1/..', '/icons/x/ab.png', '/avatars/1/AB.png', '/emojis/x.png',
                 '/attachments/1/2/3/4', '/avatars/', '/embed/avatars/x.png', '/guilds/1/users/2/avatars/ab.png', '/uploads/1/2/3/x'):
        assert status(scene, path) in (403, 404, 405), (path, status(scene, path))
