"""Every command, with a daemon and without one."""

import json
import os
import socket
import stat
import subprocess
import tempfile

from .base import (DONE, PASSWORD, REFUSED, ROOKERY, UNREACHABLE, WRONG_USE, Scene, Server, ask, data_of, eq, login,
                   refused, run, step)
from lib.upload import send


@step('an owner is made before the first start, and is there after it; then accounts need an invite')
def _():
    server = Server()
    data = data_of(server)
    try:
        owner = ask(data, 'users', 'create', 'ann', '--owner', stdin=PASSWORD + '\n')
        assert owner['owner'] and owner['operator']
        server.start()
        status = ask(data, 'status')
        eq(status['owner_id'], owner['id'])
        assert 'users create NAME --owner' not in server.log_tail(), 'told to make an owner who is there'
        scene = Scene(server.url)
        body = login(scene.world, 'ann', PASSWORD).ok(200)
        eq(body['user_id'], owner['id'])
        answer = scene.world.nobody.post('/auth/register', {'username': 'eve', 'password': PASSWORD, 'consent': True})
        answer.refused(400, 50035, 'invite')
        server.stop()
        server.start()
        scene.world.nobody.post('/auth/register', {'username': 'eve', 'password': PASSWORD, 'consent': True}).refused(400, 50035, 'invite')
        server.stop()
    finally:
        server.done()


@step('a first start without an owner says how one is made; making one while it runs closes the door')
def _():
    with Server() as server:
        assert 'users create NAME --owner' in server.log_tail()
        scene = Scene(server.url)
        scene.world.nobody.post('/auth/register', {'username': 'early', 'password': PASSWORD, 'consent': True}).ok(200, 201)
        ask(data_of(server), 'users', 'create', 'root.owner', '--owner', stdin=PASSWORD)
        scene.world.nobody.post('/auth/register', {'username': 'late', 'password': PASSWORD, 'consent': True}).refused(400, 50035, 'invite')
        ask(data_of(server), 'users', 'set-owner', 'early')
        eq(ask(data_of(server), 'status')['owner_id'], ask(data_of(server), 'users', 'show', 'early')['id'])
        server.stop()


@step('users: create, list, show, set-password, disable, enable, link, reset-mfa, by a running daemon')
def _():
    with Server() as server:
        users(server, True)
        server.stop()


@step('the same on the store itself, with no daemon')
def _():
    with Server() as server:
        users(server, False)
        server.stop()


def users(server, online):
    data, scene = data_of(server), Scene(server.url)

    def both(*words, stdin='', bad=False):
        if not online:
            server.stop()
        result = (refused if bad else ask)(data, *words, stdin=stdin)
        if not online:
            server.start()
        return result
    made = both('users', 'create', 'Kim', '--email', 'kim@example.org', stdin=PASSWORD)
    scene = Scene(server.url)
    eq(made['username'], 'kim')
    token = login(scene.world, 'kim@example.org', PASSWORD).ok(200)['token']
    assert 'taken' in both('users', 'create', 'kim', stdin=PASSWORD, bad=True)
    assert 'password' in both('users', 'create', 'joe', stdin='short', bad=True)
    assert 'name' in both('users', 'create', 'no spaces', stdin=PASSWORD, bad=True)
    listed = both('users', 'list')['users']
    eq([u['username'] for u in listed], ['kim'])
    eq(listed[0]['email'], 'kim@example.org')
    eq(both('users', 'show', made['id'])['logins'], 1)
    scene = Scene(server.url)
    gateway = scene.gateway().start(token, None, guilds=False)
    eq(both('users', 'set-password', 'kim', stdin='another password')['logins_ended'], 1)
    scene = Scene(server.url)
    if online:
        eq(gateway.wait_close(), 4004)
    login(scene.world, 'kim', PASSWORD).refused(400, 50035, 'login')
    login(scene.world, 'kim', 'another password').ok(200)
    both('users', 'disable', 'kim')
    login(Scene(server.url).world, 'kim', 'another password').refused(403, 20013)
    both('users', 'enable', 'kim')
    login(Scene(server.url).world, 'kim', 'another password').ok(200)
    link = both('users', 'link', 'kim')['token']
    nobody = Scene(server.url).world.nobody
    nobody.post('/auth/reset', {'token': link, 'password': 'third password'}).ok(200)
    assert nobody.post('/auth/reset', {'token': link, 'password': 'fourth password'}).status >= 400, 'a link worked twice'
    login(Scene(server.url).world, 'kim', 'fourth password').refused(400, 50035, 'login')
    login(Scene(server.url).world, 'kim', 'third password').ok(200)
    both('users', 'reset-mfa', 'kim')
    assert 'no user' in both('users', 'show', 'nobody.here', bad=True)


@step('reset-mfa lets in without a code')
def _():
    import base64
    import hashlib
    import hmac
    import struct
    import time
    with Server() as server:
        scene = Scene(server.url)
        secret = 'JBSWY3DPEHPK3PXP'
        mac = hmac.new(base64.b32decode(secret), struct.pack('>Q', int(time.time()) // 30), hashlib.sha1).digest()
        at = mac[-1] & 15
        code = '%06d' % ((struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000)
        scene.ann.rest.post('/users/@me/mfa/totp/enable', {'secret': secret, 'code': code, 'password': PASSWORD}).ok(200)
        assert login(scene.world, scene.ann.name, PASSWORD).ok(200)['token'] is None
        eq(ask(data_of(server), 'users', 'show', scene.ann.name)['mfa'], True)
        ask(data_of(server), 'users', 'reset-mfa', scene.ann.name)
        assert login(scene.world, scene.ann.name, PASSWORD).ok(200)['token']
        server.stop()


@step('tokens: a revocation ends open sessions with 4004')
def _():
    with Server() as server:
        scene = Scene(server.url)
        gateway = scene.ann.gateway(guilds=False)
        tokens = ask(data_of(server), 'tokens', 'list', scene.ann.name)['tokens']
        eq([t['kind'] for t in tokens], ['person'])
        assert scene.ann.token not in json.dumps(tokens), 'a token is shown'
        eq(ask(data_of(server), 'tokens', 'revoke', scene.ann.name)['logins_ended'], 1)
        eq(gateway.wait_close(), 4004)
        eq(scene.ann.rest.get('/users/@me').status, 401)
        server.stop()


@step('bots: made, listed, a new token, disabled for good')
def _():
    with Server() as server:
        data, scene = data_of(server), Scene(server.url)
        bot = ask(data, 'bots', 'create', 'parrot', scene.ann.name)
        eq(scene.world.nobody.request('GET', '/users/@me', headers={'Authorization': 'Bot ' + bot['token']}).ok(200)['bot'], True)
        eq([a['id'] for a in scene.ann.rest.get('/applications').ok(200)], [bot['id']])
        eq([b['username'] for b in ask(data, 'bots', 'list')['bots']], ['parrot'])
        again = ask(data, 'bots', 'reset-token', bot['id'])['token']
        old = scene.world.nobody.request('GET', '/users/@me', headers={'Authorization': 'Bot ' + bot['token']})
        eq(old.status, 401)
        gateway = scene.gateway().start(again, 1, guilds=False)
        ask(data, 'bots', 'disable', bot['id'])
        eq(gateway.wait_close(), 4004)
        eq(scene.ann.rest.post('/applications/%s/bot/reset' % bot['id'], {}).code, 20013)
        ask(data, 'bots', 'enable', bot['id'])
        scene.ann.rest.post('/applications/%s/bot/reset' % bot['id'], {}).ok(200)
        refused(data, 'bots', 'create', 'x', scene.ann.name)
        refused(data, 'bots', 'reset-token', scene.ann.id)
        server.stop()


@step('guilds: listed, transferred to a member, deleted; sessions see it')
def _():
    with Server() as server:
        data, scene = data_of(server), Scene(server.url)
        bob, guild = scene.bob, scene.guild_id
        listed = ask(data, 'guilds', 'list')['guilds']
        eq([(g['id'], g['owner_id'], g['members']) for g in listed], [(guild, scene.ann.id, 2)])
        stranger = scene.world.person('eve')
        refused(data, 'guilds', 'transfer', guild, stranger.name)
        gateway = bob.gateway()
        ask(data, 'guilds', 'transfer', guild, bob.name)
        eq(gateway.wait('GUILD_UPDATE')['d']['owner_id'], bob.id)
        eq(bob.rest.get('/guilds/%s' % guild).ok(200)['owner_id'], bob.id)
        ask(data, 'guilds', 'delete', guild)
        eq(gateway.wait('GUILD_DELETE')['d']['id'], guild)
        eq(bob.rest.get('/guilds/%s' % guild).status, 404)
        eq(ask(data, 'guilds', 'list')['guilds'], [])
        refused(data, 'guilds', 'delete', guild)
        server.stop()


@step('users delete: out of every guild, name free again; an owner of a guild is refused')
def _():
    with Server() as server:
        data, scene = data_of(server), Scene(server.url)
        said = scene.say(scene.bob, 'I was here')
        assert 'owns the guild' in refused(data, 'users', 'delete', scene.ann.name)
        gateway = scene.bot.gateway()  # a person is told of members only where he looks at them
        eq(ask(data, 'users', 'delete', scene.bob.name)['guilds_left'], 1)
        eq(gateway.wait('GUILD_MEMBER_REMOVE')['d']['user']['id'], scene.bob.id)
        eq(scene.bob.rest.get('/users/@me').status, 401)
        login(scene.world, scene.bob.name, PASSWORD).refused(400, 50035, 'login')
        author = scene.ann.rest.get('/channels/%s/messages/%s' % (scene.hall, said['id'])).ok(200)
        eq(author['content'], 'I was here')
        ask(data, 'users', 'create', scene.bob.name, stdin=PASSWORD)
        eq(ask(data, 'check')['faults'], 0)
        server.stop()


@step('lists come in pages, and whole without a limit')
def _():
    with Server() as server:
        data, scene = data_of(server), Scene(server.url)
        names = [scene.world.person('p%d' % i).name for i in range(7)]
        eq([u['username'] for u in ask(data, 'users', 'list')['users']], names)
        first = ask(data, 'users', 'list', '--limit', '3')
        eq([u['username'] for u in first['users']], names[:3])
        rest = ask(data, 'users', 'list', '--after', first['next'], '--limit', '100')
        eq([u['username'] for u in rest['users']], names[3:])
        eq(rest['next'], None)
        code, out, err = run(data, 'users', 'list', json_=False)
        eq(code, DONE)
        assert all(name in out for name in names) and out.startswith('id'), out
        server.stop()


@step('secrets rotate: links of before end, new ones work')
def _():
    with Server() as server:
        data = data_of(server)
        path = os.path.join(data, 'secrets')
        with open(path, 'rb') as file:
            before = file.read()
        ask(data, 'secrets', 'rotate')
        with open(path, 'rb') as file:
            after = file.read()
        assert before != after and len(after) == 32
        eq(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        server.stop()
        server.start()
        server.stop()


@step('config check says what is wrong')
def _():
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write('listen = { "127.0.0.1:1" }\nmemory_max = "1G"\n')
        file.flush()
        eq(run('.', 'config', 'check', file.name)[0], DONE)
        file.write('log_level = "loud"\n')
        file.flush()
        assert 'log_level' in refused('.', 'config', 'check', file.name)
        file.write('nonsense = "1"\n')
        file.flush()
        assert 'nonsense' in refused('.', 'config', 'check', file.name)


@step('wrong use, an absent store, a refusal: exits 2, 3, 1; help is 0')
def _():
    with tempfile.TemporaryDirectory() as empty:
        eq(run(empty, 'no', 'such')[0], WRONG_USE)
        eq(run(empty)[0], WRONG_USE)
        eq(run(empty, 'users', 'show')[0], WRONG_USE)
        eq(run(empty, 'users', 'list', '--what')[0], WRONG_USE)
        eq(run(empty, 'users', 'list', '--limit', 'x')[0], WRONG_USE)
        eq(run(empty, 'users', 'create', 'ann', stdin='')[0], WRONG_USE)
        eq(run(empty, 'users', 'list')[0], UNREACHABLE)
        eq(os.listdir(empty), [])
        eq(run(os.path.join(empty, 'absent'), 'check')[0], UNREACHABLE)
        code, out, _ = run(empty, 'help')
        eq(code, DONE)
        assert 'users create' in out and 'restore' in out
    with Server() as server:
        code, out, err = run(data_of(server), 'users', 'show', 'nobody', json_=False)
        eq((code, out), (REFUSED, ''))
        assert err.startswith('rookery: '), err
        server.stop()


@step('the control socket: 0600 in a 0700 directory; rubbish gets an answer, silence is cut off')
def _():
    with Server() as server:
        data = data_of(server)
        path = os.path.join(data, 'control.sock')
        eq(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        eq(stat.S_IMODE(os.stat(data).st_mode), 0o700)

        def say(*pieces):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(15)
                sock.connect(path)
                for piece in pieces:
                    sock.sendall(piece)
                answer = b''
                while True:
                    more = sock.recv(65536)
                    if not more:
                        return json.loads(answer) if answer else None
                    answer += more
        eq(say(b'{"command":', b'"status"}\n')['ok'], True)
        for bad in (b'\n', b'{}\n', b'[]\n', b'{"command":1}\n', b'{"command":"no"}\n', b'{"command":"status","args":[]}\n',
                    b'{"command":"status","args":{"x":1}}\n', b'{"command":"users.show"}\n', b'\xff\xfe\n',
                    b'{"command":"users.show","args":{"name":7}}\n', b'{"command":"users.show","args":{"name":""}}\n'):
            eq(say(bad)['ok'], False, repr(bad))
        try:
            answer = say(b'x' * 100000)
            assert answer is None or answer['ok'] is False
        except ConnectionError:
            pass
        idle = socket.socket(socket.AF_UNIX)
        idle.connect(path)
        idle.settimeout(15)
        eq(idle.recv(10), b'')
        idle.close()
        eq(ask(data, 'status')['serving'], True)
        server.stop()
        assert not os.path.exists(path)


@step('a data directory with a long name is reached all the same')
def _():
    with tempfile.TemporaryDirectory() as base:
        deep = os.path.join(base, *['d' * 60] * 3)
        os.makedirs(deep)
        with Server(data=deep) as server:
            ask(data_of(server), 'users', 'create', 'ann', stdin=PASSWORD)
            eq([u['username'] for u in ask(data_of(server), 'users', 'list')['users']], ['ann'])
            server.stop()


@step('check: an attachment without its file is a fault, a file without a row is counted')
def _():
    with Server() as server:
        data, scene = data_of(server), Scene(server.url)
        sent = send(scene.ann, scene.hall, {}, ('a.txt', b'hello')).ok(200)['attachments'][0]
        folder = os.path.join(data, 'files', 'attachments', scene.hall)
        open(os.path.join(folder, str(1 << 30)), 'w').close()
        answer = ask(data, 'check')
        eq((answer['attachments'], answer['files_without_rows'], answer['faults']), (1, 1, 0))
        os.unlink(os.path.join(folder, sent['id']))
        code, out, _ = run(data, 'check')
        eq(code, REFUSED)
        eq(json.loads(out)['problems'], ['the attachment %s of channel %s has no file' % (sent['id'], scene.hall)])
        server.stop()
        code, out, _ = run(data, 'check')
        eq((code, json.loads(out)['faults']), (REFUSED, 1))


@step('no password and no token reaches the log')
def _():
    with Server(settings={'log_level': 'debug'}) as server:
        data, scene = data_of(server), Scene(server.url)
        ask(data, 'users', 'create', 'ann', stdin='a secret of mine')
        token = ask(data, 'users', 'link', 'ann')['token']
        bot = ask(data, 'bots', 'create', 'parrot', 'ann')['token']
        scene.world.nobody.post('/auth/reset', {'token': token, 'password': 'a secret of mine 2'}).ok(200)
        server.stop()
        log = server.log_tail(1 << 20)
        for secret in ('a secret of mine', token, bot):
            assert secret not in log


@step('a store that somebody has open is not opened twice')
def _():
    with Server() as server:
        path = os.path.join(data_of(server), 'control.sock')
        os.unlink(path)
        code, _, err = run(data_of(server), 'users', 'list')
        eq(code, UNREACHABLE)
        assert err
        server.stop()


@step('a command line that reads passwords never takes one as an argument')
def _():
    done = subprocess.run([ROOKERY, '--data', '/nonexistent', 'users', 'create', 'ann', '--password', 'x'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    eq(done.returncode, WRONG_USE)
