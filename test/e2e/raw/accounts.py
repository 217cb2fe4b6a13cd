"""Accounts from the inside: logins, the second factor, the end; settings, profiles, applications and their bots."""

import base64
import hashlib
import hmac
import json
import os
import struct
import subprocess
import time

from lib.server import ROOKERY
from lib.world import PASSWORD
from .base import UNKNOWN, Skip, eq, step
from .oauth import CALLBACK, client, form
from .session import expect_close


def login(scene, person, password=PASSWORD):
    return scene.world.nobody.post('/auth/login', {'login': person.name, 'password': password})


def rest_of(scene, token):
    return type(scene.world.nobody)(scene.host, scene.port, token)


def one_time(secret, at=None):
    """RFC 6238 with the usual numbers: 6 digits, 30 seconds, SHA-1."""
    digest = hmac.new(base64.b32decode(secret), struct.pack('>Q', int((at or time.time()) // 30)), hashlib.sha1).digest()
    at = digest[-1] & 15
    return '%06d' % ((int.from_bytes(digest[at:at + 4], 'big') & 0x7fffffff) % 1000000)


@step('logins are listed, ended one by one, and by logging out')
def _(scene):
    person = scene.world.person('log')
    gateway = person.gateway(guilds=False)
    other = rest_of(scene, login(scene, person).ok(200)['token'])
    listed = person.rest.get('/auth/sessions').ok(200)['user_sessions']
    eq(len(listed), 2)
    assert all(s['id_hash'] and s['approx_last_used_time'] for s in listed), listed
    other.post('/auth/logout', {}).ok(204)
    eq(other.post('/auth/logout', {}).status, 401)
    left = person.rest.get('/auth/sessions').ok(200)['user_sessions']
    eq(len(left), 1)
    scene.bot.rest.get('/auth/sessions').refused(403, 20001)
    person.rest.post('/auth/sessions/logout', {}).refused(400, 50035, 'session_id_hashes')
    person.rest.post('/auth/sessions/logout', {'session_id_hashes': [left[0]['id_hash']]}).ok(204)
    expect_close(gateway, 4004)
    eq(person.rest.get('/users/@me').status, 401)


@step('a second factor: switched on, asked for, its codes good once, switched off')
def _(scene):
    person = scene.world.person('mfa')
    secret = base64.b32encode(os.urandom(20)).decode()
    enable = lambda **more: person.rest.post('/users/@me/mfa/totp/enable', dict(
        {'password': PASSWORD, 'secret': secret, 'code': one_time(secret)}, **more))
    enable(password='wrong').refused(400, 50035, 'password')
    enable(secret='0' * 32).refused(400, 60005)
    enable(code=one_time(secret, 1)).refused(400, 60008)
    body = enable().ok(200)
    codes = [c['code'] for c in body['backup_codes']]
    eq((len(set(codes)), {c['consumed'] for c in body['backup_codes']}), (10, {False}))
    eq(person.rest.get('/users/@me').status, 401, 'the token of before')
    person.rest.authorization = body['token']
    eq(person.rest.get('/users/@me').ok(200)['mfa_enabled'], True)
    enable().refused(400, 60001)
    ticket = login(scene, person).ok(200)
    eq((ticket['mfa'], ticket['token'], ticket['totp']), (True, None, True))
    finish = lambda **more: scene.world.nobody.post('/auth/mfa/totp', dict({'ticket': ticket['ticket']}, **more))
    finish(ticket='nonsense', code=codes[0]).refused(400, 60006)
    finish(code='000000').refused(400, 60008)
    token = finish(code=codes[0]).ok(200)['token']
    eq(rest_of(scene, token).get('/users/@me').ok(200)['id'], person.id)
    finish(code=codes[1]).refused(400, 60006)  # the ticket is used up
    ticket = login(scene, person).ok(200)
    finish(code=codes[0]).refused(400, 60008)  # and so is the code
    person.rest.post('/users/@me/mfa/totp/disable', {'code': '000000'}).refused(400, 60008)
    person.rest.authorization = person.rest.post('/users/@me/mfa/totp/disable', {'code': codes[2]}).ok(200)['token']
    eq(person.rest.get('/users/@me').ok(200)['mfa_enabled'], False)
    assert login(scene, person).ok(200)['token']


@step('a lost password: the same answer for everybody, and no reset without a link')
def _(scene):
    forgot = lambda **more: scene.world.nobody.post('/auth/forgot', more)
    eq(forgot(login=scene.ann.name).ok(200), forgot(login='nobody_' + os.urandom(4).hex()).ok(200))
    forgot().refused(400, 50035, 'login')
    scene.world.nobody.post('/auth/reset', {'token': scene.ann.token, 'password': PASSWORD}).refused(401, 50014)
    scene.world.nobody.post('/auth/reset', {'token': scene.ann.token, 'password': 'short'}).refused(400, 50035, 'password')


@step('the operator\'s link sets a new password, once, and ends all logins')
def _(scene):
    if not os.environ.get('E2E_DATA'):
        raise Skip('not our own server')
    person = scene.world.person('lost')
    gateway = person.gateway(guilds=False)
    link = json.loads(subprocess.run([ROOKERY, '--data', os.environ['E2E_DATA'], '--json', 'users', 'link', person.name], check=True,
                                     stdout=subprocess.PIPE, timeout=30).stdout)['token']
    reset = lambda: scene.world.nobody.post('/auth/reset', {'token': link, 'password': 'another horse'})
    token = reset().ok(200)['token']
    expect_close(gateway, 4004)
    eq(person.rest.get('/users/@me').status, 401)
    eq(rest_of(scene, token).get('/users/@me').ok(200)['id'], person.id)
    reset().refused(401, 50014)
    login(scene, person).refused(400, 50035, 'login')
    login(scene, person, 'another horse').ok(200)


@step('an account is disabled, or ends: its tokens and sessions die, and nobody logs in')
def _(scene):
    for call, code in (('disable', 20013), ('delete', 20011)):
        person = scene.world.person('end')
        gateway = person.gateway(guilds=False)
        where = '/users/@me/' + call
        person.rest.post(where, {'password': 'wrong'}).refused(400, 50035, 'password')
        person.rest.post(where, {'password': PASSWORD}).ok(204)
        expect_close(gateway, 4004)
        eq(person.rest.get('/users/@me').status, 401)
        login(scene, person).refused(403, code)


@step('settings: the old form, the protobufs, and what one hears of a guild, at every session')
def _(scene):
    person = scene.world.person('set')
    scene.world.join(person, scene.ann, scene.hall)
    gateway = person.gateway(guilds=False)
    rest = person.rest
    rest.patch('/users/@me/settings', {'theme': 'light', 'custom_status': {'text': 'busy'}}).ok(200)
    d = gateway.wait('USER_SETTINGS_UPDATE')['d']
    eq(d['theme'], 'light')
    read = rest.get('/users/@me/settings').ok(200)
    eq((read['theme'], read['custom_status']['text']), ('light', 'busy'))
    rest.patch('/users/@me/settings', {'theme': 7}).refused(400, 50035, 'theme')
    scene.bot.rest.get('/users/@me/settings').refused(403, 20001)
    # Field 15 as a message, field 2 of it a number; then another number beside it.
    one, two = b'\x7a\x02\x10\x05', b'\x7a\x02\x18\x06'
    encode = lambda raw: base64.b64encode(raw).decode()
    rest.patch('/users/@me/settings-proto/1', {'settings': encode(one)}).ok(200)
    eq(gateway.wait('USER_SETTINGS_PROTO_UPDATE')['d']['settings'], {'type': 1, 'proto': encode(one)})
    merged = rest.patch('/users/@me/settings-proto/1', {'settings': encode(two)}).ok(200)['settings']
    eq(rest.get('/users/@me/settings-proto/1').ok(200)['settings'], merged)
    assert base64.b64decode(merged).endswith(two[2:]) or two in base64.b64decode(merged), merged
    rest.patch('/users/@me/settings-proto/1', {'settings': 'no base64'}).refused(400, 50035, 'settings')
    rest.get('/users/@me/settings-proto/9').refused(400, 50035, 'type')
    path = '/users/@me/guilds/%s/settings' % scene.guild_id
    said = rest.patch(path, {'muted': True, 'message_notifications': 1, 'channel_overrides': {
        scene.hall: {'muted': True, 'message_notifications': 2}}}).ok(200)
    eq((said['muted'], said['channel_overrides'][0]['channel_id']), (True, scene.hall))
    d = gateway.wait('USER_GUILD_SETTINGS_UPDATE')['d']
    eq((d['guild_id'], d['muted']), (scene.guild_id, True))
    gateway.close()
    again = person.gateway(guilds=False)
    settings = again.ready['user_guild_settings']
    entries = settings['entries'] if isinstance(settings, dict) else settings
    eq([(s['guild_id'], s['muted'], s['message_notifications']) for s in entries], [(scene.guild_id, True, 1)])
    again.close()
    rest.patch('/users/@me/guilds/%s/settings' % UNKNOWN, {'muted': True}).refused(404, 10004)
    rest.patch(path, {'message_notifications': 9}).refused(400, 50035, 'message_notifications')


@step('profiles: one\'s own, that of who shares a guild, none of strangers')
def _(scene):
    rest = scene.bob.rest
    eq(rest.patch('/users/@me/profile', {'bio': 'hello there', 'pronouns': 'they', 'accent_color': 255}).ok(200)['bio'], 'hello there')
    rest.patch('/users/@me/profile', {'bio': 'x' * 191}).refused(400, 50035, 'bio')
    seen = scene.ann.rest.get('/users/%s/profile' % scene.bob.id, query={'with_mutual_guilds': 'true'}).ok(200)
    eq((seen['user_profile']['bio'], seen['user_profile']['pronouns'], seen['user_profile']['accent_color']),
       ('hello there', 'they', 255))
    eq([g['id'] for g in seen['mutual_guilds']], [scene.guild_id])
    scene.world.person('far').rest.get('/users/%s/profile' % scene.bob.id).refused(404, 10013)
    member = rest.get('/users/@me/guilds/%s/member' % scene.guild_id).ok(200)
    eq(member['user']['id'], scene.bob.id)
    rest.get('/users/@me/guilds/%s/member' % UNKNOWN).refused(404, 10004)
    rest.get('/users/@me/guilds', query={'limit': 0}).refused(400, 50035, 'limit')


@step('applications are their owner\'s alone')
def _(scene):
    owner, other = scene.world.person('dev'), scene.bob
    owner.rest.post('/applications', {}).refused(400, 50035, 'name', 'BASE_TYPE_REQUIRED')
    bot = scene.world.bot(owner, 'parrot')
    app = '/applications/%s' % bot.application_id
    eq([a['id'] for a in owner.rest.get('/applications').ok(200)], [bot.application_id])
    bot.rest.get('/applications').refused(403, 20001)
    eq(bot.rest.get('/applications/@me').ok(200)['id'], bot.application_id)
    other.rest.get('/applications/@me').refused(404, 10002)
    other.rest.get('/oauth2/applications/@me').refused(403, 20002)
    other.rest.patch('/applications/@me', {}).refused(404, 10002)
    eq(owner.rest.get(app).ok(200)['owner']['id'], owner.id)
    for call, body in (('patch', {'name': 'mine'}), ('get', None)):
        other.rest.request(call.upper(), app, body).refused(404, 10002)
    other.rest.patch(app + '/bot', {'username': 'mine'}).refused(404, 10002)
    for path in ('/bot', '/bot/reset', '/reset'):
        other.rest.post(app + path, {}).refused(404, 10002)
    owner.rest.patch(app, {'flags': 1 << 17}).refused(400, 50035, 'flags')
    eq(owner.rest.patch(app, {'description': 'talks', 'tags': ['bird']}).ok(200)['tags'], ['bird'])
    eq(owner.rest.patch(app + '/bot', {'username': 'Polly'}).ok(200)['username'], 'Polly')
    old = bot.token
    gateway = bot.gateway()
    bot.rest.authorization = 'Bot ' + owner.rest.post(app + '/bot', {}).ok(200)['token']
    expect_close(gateway, 4004)
    eq(scene.world.nobody.get('/users/@me', headers={'Authorization': 'Bot ' + old}).status, 401)
    eq(bot.rest.get('/users/@me').ok(200)['username'], 'Polly')


@step('OAuth2: the page that asks shows what there is to choose from')
def _(scene):
    bot, credentials = client(scene)
    shown = scene.ann.rest.get('/oauth2/authorize', query={'client_id': bot.application_id, 'scope': 'bot'}).ok(200)
    eq((shown['application']['id'], shown['bot']['id'], shown['user']['id']), (bot.application_id, bot.id, scene.ann.id))
    guild = [g for g in shown['guilds'] if g['id'] == scene.guild_id][0]
    assert int(guild['permissions']) & 1 << 5, guild
    eq([g for g in scene.bob.rest.get('/oauth2/authorize', query={'client_id': bot.application_id, 'scope': 'bot'}).ok(200)['guilds']
        if g['id'] == scene.guild_id], [], 'guilds where one may not add it')
    scene.ann.rest.get('/oauth2/authorize', query={'client_id': UNKNOWN, 'scope': 'bot'}).refused(404, 10002)
    refused = scene.bob.rest.post('/oauth2/authorize', {'authorize': False}, query={
        'client_id': bot.application_id, 'response_type': 'code', 'scope': 'identify', 'redirect_uri': CALLBACK}).ok(200)
    assert 'error=access_denied' in refused['location'], refused
    scene.bob.rest.post('/oauth2/authorize', {'authorize': True, 'guild_id': scene.guild_id, 'permissions': '0'}, query={
        'client_id': bot.application_id, 'scope': 'bot'}).refused(403, 50013)
    eq(form(scene, '/oauth2/token/revoke', token='x', client_id=bot.application_id, client_secret='wrong')[0], 401)
    answer = scene.ann.rest.get('/oauth2/@me')
    assert answer.status in (401, 403), answer.status


@step('step-up: a ticket, a proof by password or code, and the token in the header that it makes')
def _(scene):
    person = scene.world.person('sudo')
    plain = rest_of(scene, person.token)  # this one does not step up by itself
    guild = scene.world.guild(person, 'sudo')['id']
    refused = plain.delete('/guilds/' + guild)
    refused.refused(401, 60003)
    ticket, methods = refused.body['mfa']['ticket'], refused.body['mfa']['methods']
    eq(methods, [{'type': 'password'}])
    finish = lambda rest, **more: rest.post('/mfa/finish', dict({'ticket': ticket, 'mfa_type': 'password', 'data': PASSWORD}, **more))
    finish(plain, data='wrong').refused(400, 60008)
    finish(plain, ticket='nonsense').refused(400, 60006)
    finish(plain, ticket=ticket[:-1] + ('A' if ticket[-1] != 'A' else 'B')).refused(400, 60006)
    finish(plain, mfa_type='smoke').refused(400, 50035, 'mfa_type')
    finish(plain, mfa_type='totp', data='000000').refused(400, 50035, 'mfa_type')  # there is none
    finish(scene.bob.rest).refused(400, 60006)  # somebody else's
    finish(rest_of(scene, login(scene, person).ok(200)['token'])).refused(400, 60006)  # another login's
    finish(scene.bot.rest).refused(403, 20001)
    proof = finish(plain).ok(200)['token']
    eq(len(proof.split('.')), 3)
    with_proof = lambda rest, token: rest.request('DELETE', '/guilds/' + guild, headers={'X-Discord-MFA-Authorization': token})
    with_proof(plain, ticket).refused(401, 60003)  # a ticket proves nothing
    with_proof(scene.bob.rest.__class__(scene.host, scene.port, scene.bob.token), proof).refused(401, 60003)
    secret = base64.b32encode(os.urandom(20)).decode()
    body = person.rest.post('/users/@me/mfa/totp/enable', {'password': PASSWORD, 'secret': secret, 'code': one_time(secret)}).ok(200)
    codes = [c['code'] for c in body['backup_codes']]
    plain = rest_of(scene, body['token'])
    refused = with_proof(plain, proof)  # of a login that is gone
    refused.refused(401, 60003)
    ticket, methods = refused.body['mfa']['ticket'], refused.body['mfa']['methods']
    eq(methods, [{'type': 'totp', 'backup_codes_allowed': True}])
    finish(plain).refused(400, 50035, 'mfa_type')  # the password is not enough any more
    finish(plain, mfa_type='totp', data='000000').refused(400, 60008)
    proof = finish(plain, mfa_type='totp', data=codes[0]).ok(200)['token']
    finish(plain, mfa_type='backup', data=codes[0]).refused(400, 60008)  # serves once
    with_proof(plain, proof).ok(204)


@step('where a second factor lacks, people are told how they prove who they are')
def _(scene):
    person = scene.world.person('lax')
    guild = scene.world.guild(person, 'lax')['id']
    answer = rest_of(scene, person.token).post('/guilds/%s/mfa' % guild, {'level': 1})
    answer.refused(403, 60003)
    assert answer.body['mfa']['ticket'] and answer.body['mfa']['methods'], answer.body
    person.rest.delete('/guilds/' + guild).ok(204)
