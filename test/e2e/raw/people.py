"""People's accounts and sessions: what a web client needs and no bot library shows."""

import os

from lib.world import PASSWORD
from .base import Skip, eq, step
from .session import expect_close


@step('register: taken names, short passwords, no consent')
def _(scene):
    register = lambda **more: scene.world.nobody.post('/auth/register', more)
    scene.ann
    register(username=scene.ann.name, password=PASSWORD, consent=True).refused(400, 50035, 'username', 'USERNAME_ALREADY_TAKEN')
    register(username=scene.ann.name.upper(), password=PASSWORD, consent=True).refused(400, 50035, 'username')
    fresh = lambda: 'new_' + os.urandom(4).hex()
    register(username=fresh(), password='short', consent=True).refused(400, 50035, 'password', 'BASE_TYPE_BAD_LENGTH')
    register(username=fresh(), password='x' * 73, consent=True).refused(400, 50035, 'password')
    register(username=fresh(), consent=True).refused(400, 50035, 'password', 'BASE_TYPE_REQUIRED')
    register(username='x', password=PASSWORD, consent=True).refused(400, 50035, 'username')
    register(username='spaces in it', password=PASSWORD, consent=True).refused(400, 50035, 'username')
    register(username=fresh(), password=PASSWORD, consent=False).refused(400, 50035, 'consent')


@step('login: by name, wrong, unknown, and logging out')
def _(scene):
    login = lambda **more: scene.world.nobody.post('/auth/login', more)
    person = scene.world.person('lou')
    body = login(login=person.name, password=PASSWORD).ok(200)
    eq(body['user_id'], person.id)
    assert body['token'] and 'user_settings' in body
    assert len(body['token'].split('.')) == 3, 'a token has three parts'
    wrong = login(login=person.name, password='wrong horse battery')
    wrong.refused(400, 50035, 'login', 'INVALID_LOGIN')
    unknown = login(login='nobody_' + os.urandom(4).hex(), password='wrong horse battery')
    eq(wrong.body, unknown.body, 'unknown name and wrong password')
    login(email=person.name, password=PASSWORD).ok(200)
    other = type(person.rest)(scene.host, scene.port, body['token'])
    other.get('/users/@me').ok(200)
    other.post('/auth/logout', {}).ok(204)
    eq(other.get('/users/@me').status, 401)
    person.rest.get('/users/@me').ok(200)


@step('a new password kills every other token and its sessions')
def _(scene):
    person = scene.world.person('pat')
    old = person.token
    gateway = person.gateway()
    body = person.rest.patch('/users/@me', {'password': PASSWORD, 'new_password': PASSWORD + ' 2'}).ok(200)
    assert body['token'] and body['token'] != old
    expect_close(gateway, 4004)
    eq(scene.world.nobody.get('/users/@me', headers={'Authorization': old}).status, 401)
    scene.world.nobody.get('/users/@me', headers={'Authorization': body['token']}).ok(200)
    scene.world.nobody.post('/auth/login', {'login': person.name, 'password': PASSWORD}).refused(400, 50035, 'login')
    person.rest.authorization = body['token']
    person.rest.patch('/users/@me', {'username': 'pat_' + os.urandom(4).hex()}).refused(400, 50035, 'password')


@step('READY of a person: whole guilds, settings, read states, sessions')
def _(scene):
    scene.hall
    gateway = scene.ann.gateway(v=9, guilds=False)
    d = gateway.ready
    eq((d['v'], d['user']['id']), (9, scene.ann.id))
    for key in ('email', 'verified', 'mfa_enabled', 'flags', 'premium_type'):
        assert key in d['user'], key
    guild = [g for g in d['guilds'] if g['id'] == scene.guild_id]
    assert guild, 'the guild is missing'
    guild = guild[0]
    name = guild.get('properties', guild)['name']
    eq(name, 'raw hall')
    assert any(c['id'] == scene.hall for c in guild['channels']) and guild['roles'] and guild['member_count'] >= 1
    for key in ('private_channels', 'relationships', 'sessions', 'connected_accounts'):
        assert isinstance(d[key], list), key
    for key in ('read_state', 'user_guild_settings'):
        assert isinstance(d[key], (list, dict)), key
    assert d['session_id'] and d['resume_gateway_url']
    gateway.close()


@step('a person sees messages, own ones with the nonce, and DMs from bots')
def _(scene):
    gateway = scene.bob.gateway(guilds=False)
    message = scene.say(scene.bob, 'echo', nonce='7')
    d = gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])['d']
    eq(d['nonce'], '7')
    dm = scene.bot.rest.post('/users/@me/channels', {'recipient_id': scene.bob.id}).ok(200)
    private = scene.say(scene.bot, 'psst', dm['id'])
    d = gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == private['id'])['d']
    assert 'guild_id' not in d
    eq(d['author']['id'], scene.bot.id)
    gateway.close()


@step('joining shows GUILD_CREATE to the joiner at once')
def _(scene):
    person = scene.world.person('joe')
    gateway = person.gateway(guilds=False)
    scene.world.join(person, scene.ann, scene.hall)
    d = gateway.wait('GUILD_CREATE', where=lambda d: d['id'] == scene.guild_id)['d']
    assert d.get('properties', d)['name'] == 'raw hall'
    message = scene.say(scene.ann, 'welcome')
    gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])
    scene.ann.rest.delete('/guilds/%s/members/%s' % (scene.guild_id, person.id)).ok(204)
    d = gateway.wait('GUILD_DELETE', where=lambda d: d['id'] == scene.guild_id)['d']
    assert not d.get('unavailable'), 'looks like an outage'
    unseen = scene.say(scene.ann, 'gone')
    gateway.none('MESSAGE_CREATE', where=lambda d: d['id'] == unseen['id'])
    gateway.close()


@step('relationships: a request, an acceptance, an end')
def _(scene):
    one, two = scene.world.person('rel_a'), scene.world.person('rel_b')
    answer = one.rest.post('/users/@me/relationships', {'username': two.name, 'discriminator': None})
    if answer.status == 404 and answer.code == 0:
        raise Skip('relationships are not served')
    answer.ok(204)
    mine = one.rest.get('/users/@me/relationships').ok(200)
    eq([(r['id'], r['type']) for r in mine], [(two.id, 4)])
    gateway = one.gateway(guilds=False)
    two.rest.put('/users/@me/relationships/%s' % one.id, {}).ok(204)
    d = gateway.wait('RELATIONSHIP_ADD', where=lambda d: d['id'] == two.id)['d']
    eq(d['type'], 1)
    one.rest.delete('/users/@me/relationships/%s' % two.id).ok(204)
    eq(two.rest.get('/users/@me/relationships').ok(200), [])
    one.rest.post('/users/@me/relationships', {'username': 'nobody_' + os.urandom(3).hex(), 'discriminator': None}).refused(400, 80004)
    gateway.close()


@step('read states: an ack reaches the other session')
def _(scene):
    one, two = scene.bob.gateway(guilds=False), scene.bob.gateway(guilds=False)
    message = scene.say(scene.ann, 'read this <@%s>' % scene.bob.id)
    answer = scene.bob.rest.post('/channels/%s/messages/%s/ack' % (scene.hall, message['id']), {'token': None})
    if answer.status == 404 and answer.code == 0:
        raise Skip('acks are not served')
    answer.ok(200)
    for gateway in (one, two):
        d = gateway.wait('MESSAGE_ACK', where=lambda d: d['message_id'] == message['id'])['d']
        eq(d['channel_id'], scene.hall)
        gateway.close()
    again = scene.bob.gateway(guilds=False)
    states = again.ready['read_state']
    states = states['entries'] if isinstance(states, dict) else states
    found = [s for s in states if s['id'] == scene.hall]
    eq([(s['last_message_id'], s['mention_count']) for s in found], [(message['id'], 0)])
    again.close()


@step('a DM is closed: gone from the own list only, and back with the next message')
def _(scene):
    one, two = scene.world.person('one'), scene.world.person('two')
    guild = scene.world.guild(one, 'meeting')
    scene.world.join(two, one, guild['system_channel_id'])
    dm = one.rest.post('/users/@me/channels', {'recipients': [two.id]}).ok(200)['id']
    scene.say(one, 'hello', dm)
    gateway = two.gateway(guilds=False)
    closed = two.rest.delete('/channels/%s' % dm).ok(200)
    eq((closed['id'], [u['id'] for u in closed['recipients']]), (dm, [one.id]))
    eq(gateway.wait('CHANNEL_DELETE')['d']['id'], dm)
    eq([c['id'] for c in two.rest.get('/users/@me/channels').ok(200)], [])
    eq([c['id'] for c in one.rest.get('/users/@me/channels').ok(200)], [dm])
    two.rest.delete('/channels/%s' % dm).ok(200)
    again = scene.say(one, 'still there?', dm)
    eq(gateway.wait('CHANNEL_CREATE')['d']['id'], dm)
    assert again['id'] in [p['d']['id'] for p in gateway.seen if p['t'] == 'MESSAGE_CREATE'], 'the message did not come'
    eq([c['id'] for c in two.rest.get('/users/@me/channels').ok(200)], [dm])
    eq([u['id'] for u in two.rest.get('/channels/%s' % dm).ok(200)['recipients']], [one.id])
    scene.bob.rest.delete('/channels/%s' % dm).refused(403, 50001)
    gateway.close()
