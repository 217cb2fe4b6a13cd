"""Presence: what sessions say together, who hears of it, and who does not."""

import base64
import struct
import time

from lib.gateway import ALL_INTENTS
from .base import eq, step
from .oauth import CALLBACK, client, form, let_in
from .stage import Stage, say, silent, told

GRACE = 10


def browser(name):
    return {'identify': {'properties': {'os': 'Windows', 'browser': name, 'device': ''}}, 'v': 9, 'guilds': False}


@step('presence: several sessions are one, each platform has its own status')
def _(scene):
    stage = Stage(scene, 'ada')
    ada, = stage.people
    web = ada.gateway(**browser('Chrome'))
    eq(told(stage.eyes, ada)['client_status'], {'web': 'online'})
    say(web, 'idle', since=int(time.time() * 1000))
    eq(told(stage.eyes, ada)['status'], 'idle')
    phone = ada.gateway(**browser('Discord Android'))
    d = told(stage.eyes, ada)
    eq((d['status'], d['client_status']), ('online', {'web': 'idle', 'mobile': 'online'}))
    desk = ada.gateway(**browser('Discord Client'))
    say(desk, 'dnd', {'name': 'chess', 'type': 0})
    d = told(stage.eyes, ada, lambda d: d['status'] == 'dnd')
    eq(d['client_status'], {'web': 'idle', 'mobile': 'online', 'desktop': 'dnd'})
    # The same thing said twice is shown once; what goes on keeps the time it began.
    began = d['activities'][0]['created_at']
    say(phone, 'online', {'name': 'chess', 'type': 0}, {'name': 'a song', 'type': 2, 'details': 'of somebody'})
    d = told(stage.eyes, ada)
    eq(sorted(a['name'] for a in d['activities']), ['a song', 'chess'])
    eq([a['created_at'] for a in d['activities'] if a['name'] == 'chess'], [began])
    say(phone, 'invisible')
    d = told(stage.eyes, ada)
    eq((d['status'], d['activities'], d['client_status']), ('offline', [], {}))
    stage.close(web, phone, desk)


@step('presence: activities in full, and only what others may know')
def _(scene):
    stage = Stage(scene, 'ada')
    ada, = stage.people
    session = ada.gateway(v=9, guilds=False)
    rich = {'name': 'a game', 'type': 0, 'application_id': '123', 'details': 'level 3', 'state': 'in a party',
            'timestamps': {'start': 1, 'end': '2'}, 'party': {'id': 'p', 'size': [1, 4]}, 'flags': 3,
            'assets': {'large_image': 'mp:external/x', 'large_text': 'large', 'small_image': '77', 'small_text': 'small'},
            'secrets': {'join': 'very secret'}, 'buttons': ['Watch', {'label': 'Join', 'url': 'https://example.org'}],
            'metadata': {'button_urls': ['https://example.org/secret']}}
    say(session, 'online', rich, {'name': 'x' * 200, 'type': 0}, 'no activity', {'name': 'Custom Status', 'type': 4, 'state': 'busy',
        'emoji': {'id': None, 'name': '🔥'}})
    d = told(stage.eyes, ada, lambda d: d['activities'])
    eq([a['name'] for a in d['activities']], ['a game', 'Custom Status'])
    got = d['activities'][0]
    for key in ('application_id', 'details', 'state', 'party', 'flags', 'assets'):
        eq(got[key], rich[key], key)
    eq((got['timestamps'], got['buttons']), ({'start': 1, 'end': 2}, ['Watch', 'Join']))
    assert 'secrets' not in got and 'metadata' not in got and 'secret' not in str(d), 'secrets are told'
    assert abs(got['created_at'] / 1000 - time.time()) < 60
    eq((d['activities'][1]['state'], d['activities'][1]['emoji']['name'], d['activities'][1]['id']), ('busy', '🔥', 'custom'))
    # A wrong status changes nothing but the rest.
    say(session, 'asleep', {'name': 'another', 'type': 3})
    d = told(stage.eyes, ada)
    eq((d['status'], [a['name'] for a in d['activities']]), ('online', ['another']))
    stage.close(session)


@step('presence: a bot says a name, a type, an address and a state')
def _(scene):
    stage = Stage(scene)
    other = scene.world.bot(stage.owner, 'talker')
    scene.world.add_bot(stage.owner, other, stage.id)
    session = other.gateway(identify={'presence': {'status': 'idle', 'since': None, 'afk': False, 'activities': [
        {'name': 'the log', 'type': 1, 'url': 'https://www.twitch.tv/x', 'state': 'live', 'details': 'not for bots'}]}})
    d = told(stage.eyes, other)
    activity = d['activities'][0]
    eq((d['status'], activity['name'], activity['type'], activity['url'], activity['state']),
       ('idle', 'the log', 1, 'https://www.twitch.tv/x', 'live'))
    assert 'details' not in activity
    stage.close(session)


@step('presence: who reconnects in time makes nobody flap, who does not is gone', aside=True)
def _(scene):
    stage = Stage(scene, 'ada')
    ada, = stage.people
    other = scene.world.bot(stage.owner, 'restarter')
    scene.world.add_bot(stage.owner, other, stage.id)
    first = other.gateway()
    told(stage.eyes, other)
    person = ada.gateway(v=9, guilds=False)
    told(stage.eyes, ada)
    began = time.monotonic()
    first.close()
    person.drop()
    second = other.gateway()
    eq(second.ready['user']['id'], other.id)
    eq([p['status'] for p in second.guilds[stage.id]['presences'] if p['user']['id'] == other.id], ['online'])
    again = ada.gateway(start=False, v=9)
    again.hello()
    again.resume(ada.token, person.session_id, person.seq)
    again.wait('RESUMED')
    stage.eyes.none('PRESENCE_UPDATE', where=lambda d: d['status'] == 'offline', timeout=GRACE + 2 - (time.monotonic() - began))
    # Goodbye, or a lost connection: after the grace each is gone, and the session may still be resumed.
    second.close()
    again.drop()
    eq(told(stage.eyes, other, timeout=GRACE + 5)['status'], 'offline')
    last = [p['d']['status'] for p in stage.eyes.seen if p['t'] == 'PRESENCE_UPDATE' and p['d']['user']['id'] == ada.id]
    if last[-1] != 'offline':
        eq(told(stage.eyes, ada, timeout=GRACE + 5)['status'], 'offline')
    back = ada.gateway(start=False, v=9)
    back.hello()
    back.resume(ada.token, again.session_id or person.session_id, again.seq or person.seq)
    back.wait('RESUMED')
    eq(told(stage.eyes, ada)['status'], 'online')
    stage.close(back)


@step('presence: one is told of one\'s own sessions')
def _(scene):
    ada = scene.world.person('ada')
    web = ada.gateway(**browser('Chrome'))
    eq([(s['session_id'], s['status']) for s in web.ready['sessions']], [(web.session_id, 'online')])
    eq(web.ready['sessions'][0]['client_info']['client'], 'web')
    phone = ada.gateway(**browser('Discord iOS'))
    d = web.wait('SESSIONS_REPLACE')['d']
    eq({s['session_id'] for s in d}, {web.session_id, phone.session_id, 'all'})
    eq({s['session_id'] for s in phone.ready['sessions']}, {web.session_id, phone.session_id, 'all'})
    say(phone, 'invisible', {'name': 'hiding', 'type': 0})
    for gateway in (web, phone):
        d = gateway.wait('SESSIONS_REPLACE')['d']
        by_id = {s['session_id']: s for s in d}
        eq((by_id['all']['status'], by_id[phone.session_id]['status'], by_id[web.session_id]['status']),
           ('invisible', 'invisible', 'online'))
        eq([a['name'] for a in by_id[phone.session_id]['activities']], ['hiding'])
    phone.close()
    eq([s['session_id'] for s in web.wait('SESSIONS_REPLACE')['d']], [web.session_id])
    web.none('PRESENCE_UPDATE', where=lambda d: d['user']['id'] == ada.id)
    web.close()


def message(number, raw):
    return bytes([number << 3 | 2, len(raw)]) + raw


def proto(status=None, text=None, expires_ms=None):
    inner = b''
    if status:
        inner += message(1, message(1, status.encode()))
    if text is not None:
        inner += message(2, message(1, text.encode()) + (bytes([4 << 3 | 1]) + struct.pack('<Q', expires_ms) if expires_ms else b''))
    return {'settings': base64.b64encode(message(11, inner)).decode()}


@step('presence: what the settings say is what sessions show that follow them')
def _(scene):
    stage = Stage(scene, 'ada')
    ada, = stage.people
    one = ada.gateway(v=9, guilds=False, identify={'presence': {'status': 'unknown', 'since': 0, 'activities': [], 'afk': False}})
    two = ada.gateway(v=9, guilds=False)
    eq(told(stage.eyes, ada)['status'], 'online')
    ada.rest.patch('/users/@me/settings-proto/1', proto('dnd', 'away')).ok(200)
    d = told(stage.eyes, ada, lambda d: d['activities'])
    eq((d['status'], d['activities'][0]['state'], d['activities'][0]['type']), ('dnd', 'away', 4))
    one.wait('USER_SETTINGS_PROTO_UPDATE')
    d = two.wait('SESSIONS_REPLACE', where=lambda d: all(s['activities'] for s in d))['d']
    eq({s['status'] for s in d}, {'dnd'})
    legacy = ada.rest.get('/users/@me/settings').ok(200)
    eq((legacy['status'], legacy['custom_status']['text']), ('dnd', 'away'))
    ada.rest.patch('/users/@me/settings', {'status': 'idle', 'custom_status': None}).ok(200)
    d = told(stage.eyes, ada, lambda d: not d['activities'])
    eq(d['status'], 'idle')
    # A new session takes what was chosen; its own word counts for itself.
    for gateway in (one, two):
        gateway.close()
    three = ada.gateway(v=9, guilds=False)
    eq(three.ready['sessions'][0]['status'], 'idle')
    say(three, 'online')
    eq(told(stage.eyes, ada)['status'], 'online')
    # A custom status ends by itself.
    ada.rest.patch('/users/@me/settings-proto/1', proto('online', 'soon over', int(time.time() * 1000) + 2000)).ok(200)
    eq(told(stage.eyes, ada)['activities'][0]['state'], 'soon over')
    eq(told(stage.eyes, ada)['activities'], [])
    ada.rest.patch('/users/@me/settings-proto/1', proto('online', 'x' * 100)).ok(200)
    ada.rest.patch('/users/@me/settings', {'status': 'asleep'}).refused(400, 50035, 'status')
    ada.rest.patch('/users/@me/settings', {'custom_status': {'text': 'x' * 129}}).refused(400, 50035, 'custom_status.text')
    stage.close(three)


@step('headless sessions: an application shows what its user does', aside=True)
def _(scene):
    stage = Stage(scene, 'ada')
    ada, = stage.people
    bot, credentials = client(scene)
    got = let_in(scene, ada, bot.application_id, scope='identify activities.write')
    status, tokens = form(scene, '/oauth2/token', **dict(credentials, grant_type='authorization_code', code=got['code'],
                                                         redirect_uri=CALLBACK))
    eq(status, 200)
    bearer = {'Authorization': 'Bearer ' + tokens['access_token']}
    post = lambda path, body, headers=bearer: scene.world.nobody.post('/users/@me/headless-sessions' + path, body, headers=headers)
    playing = {'type': 0, 'name': 'a game', 'application_id': bot.application_id, 'platform': 'ps5', 'details': 'level 1'}
    web = ada.gateway(v=9, guilds=False)
    told(stage.eyes, ada)
    answer = post('', {'activities': [playing]}).ok(200)
    eq(answer['activities'][0]['name'], 'a game')
    d = told(stage.eyes, ada)
    eq((d['activities'][0]['name'], d['client_status']), ('a game', {'web': 'online', 'embedded': 'online'}))
    d = web.wait('SESSIONS_REPLACE')['d']
    eq(len([s for s in d if s['session_id'].startswith('h:')]), 1)
    again = post('', {'activities': [dict(playing, details='level 2')], 'token': answer['token']}).ok(200)
    eq(again['token'], answer['token'])
    d = told(stage.eyes, ada)
    eq([a['details'] for a in d['activities']], ['level 2'])
    post('', {'activities': []}).refused(400, 50035, 'activities')
    post('', {'activities': [playing, playing]}).refused(400, 50035, 'activities')
    post('', {'activities': [{'type': 0, 'name': 'x'}]}).refused(400, 50035, 'activities.0.platform')
    post('', {'activities': [dict(playing, application_id='1')]}).refused(400, 50035, 'activities.0.application_id')
    post('', {'activities': [playing], 'token': 'wrong'}).refused(400, 50035, 'token')
    eq(post('', {'activities': [playing]}, {'Authorization': ada.token}).status, 403)
    post('/delete', {'token': 'wrong'}).refused(400, 50035, 'token')
    post('/delete', {'token': answer['token']}).ok(204)
    eq(told(stage.eyes, ada)['activities'], [])
    # It alone makes somebody be there.
    web.close()
    eq(told(stage.eyes, ada, timeout=GRACE + 5)['status'], 'offline')
    token = post('', {'activities': [playing]}).ok(200)['token']
    eq(told(stage.eyes, ada)['status'], 'online')
    post('/delete', {'token': token}).ok(204)
    eq(told(stage.eyes, ada)['status'], 'offline')
    stage.close()


@step('presence: bots hear of those they share a channel with, people of those they asked for')
def _(scene):
    stage = Stage(scene, 'ada', 'bea', permissions=0)
    ada, bea = stage.people
    hide = lambda channel, *who: [{'id': stage.id, 'type': 0, 'deny': '1024'}] + [{'id': p.id, 'type': 1, 'allow': '1024'} for p in who]
    for channel in stage.owner.rest.get('/guilds/%s/channels' % stage.id).ok(200):
        stage.owner.rest.patch('/channels/' + channel['id'], {'permission_overwrites': hide(channel, ada, bea)}).ok(200)
    den = scene.world.channel(stage.owner, stage.id, 'den', permission_overwrites=hide(None, ada, stage.bot))['id']
    one = ada.gateway(v=9, guilds=False)
    told(stage.eyes, ada)
    two = bea.gateway(v=9, guilds=False)
    # Bea and the bot share nothing; ada is in both rooms.
    silent(stage.eyes, bea)
    again = stage.bot.gateway()
    eq({p['user']['id'] for p in again.guilds[stage.id]['presences']} & {ada.id, bea.id}, {ada.id})
    stage.eyes.send(8, {'guild_id': stage.id, 'user_ids': [ada.id, bea.id], 'presences': True})
    d = stage.eyes.wait('GUILD_MEMBERS_CHUNK')['d']
    eq(({m['user']['id'] for m in d['members']}, {p['user']['id'] for p in d['presences']}), ({ada.id, bea.id}, {ada.id}))
    # People hear of nobody unasked.
    say(two, 'idle')
    silent(one, bea)
    one.send(14, {'guild_id': stage.id, 'typing': True, 'members': [bea.id, stage.bot.id, ada.id, '1']})
    got = [one.wait('PRESENCE_UPDATE')['d'] for _ in range(2)]
    eq({(d['user']['id'], d['status']) for d in got}, {(bea.id, 'idle'), (stage.bot.id, 'online')})
    say(two, 'dnd')
    eq(told(one, bea)['status'], 'dnd')
    silent(one, ada, 0.2)
    stage.owner.rest.put('/channels/%s/permissions/%s' % (den, bea.id), {'type': 1, 'allow': '1024'}).ok(204)
    say(two, 'online')
    told(stage.eyes, bea)
    told(one, bea)
    one.send(14, {'guild_id': stage.id, 'members': []})
    one.send(8, {'guild_id': stage.id, 'user_ids': [ada.id]})
    one.wait('GUILD_MEMBERS_CHUNK')
    say(two, 'invisible')
    eq(told(stage.eyes, bea)['status'], 'offline')
    silent(one, bea)
    stage.close(one, two, again)


@step('presence: a bot without the intent hears nothing, and is shown nobody')
def _(scene):
    stage = Stage(scene, 'ada')
    ada, = stage.people
    session = ada.gateway(v=9, guilds=False)
    told(stage.eyes, ada)
    blind = stage.bot.gateway(intents=ALL_INTENTS & ~(1 << 8))
    assert ada.id not in {p['user']['id'] for p in blind.guilds[stage.id]['presences']}
    blind.send(8, {'guild_id': stage.id, 'user_ids': [ada.id], 'presences': True})
    assert not blind.wait('GUILD_MEMBERS_CHUNK')['d'].get('presences')
    say(session, 'dnd')
    told(stage.eyes, ada)
    silent(blind, ada)
    stage.close(session, blind)


@step('presence: invisible is invisible everywhere')
def _(scene):
    stage = Stage(scene, 'ada')
    ada, = stage.people
    session = ada.gateway(v=9, guilds=False, identify={'presence': {'status': 'invisible', 'since': 0, 'activities': [
        {'name': 'chess', 'type': 0}], 'afk': False}})
    silent(stage.eyes, ada)
    again = stage.bot.gateway()
    assert ada.id not in {p['user']['id'] for p in again.guilds[stage.id]['presences']}
    again.send(8, {'guild_id': stage.id, 'user_ids': [ada.id], 'presences': True})
    eq(again.wait('GUILD_MEMBERS_CHUNK')['d']['presences'], [])
    counts = stage.owner.rest.get('/guilds/%s' % stage.id, query={'with_counts': 'true'}).ok(200)
    eq((counts['approximate_member_count'], counts['approximate_presence_count']), (3, 1))
    code = stage.owner.rest.post('/channels/%s/invites' % stage.hall, {'unique': True}).ok(200)['code']
    counts = scene.world.nobody.get('/invites/' + code, query={'with_counts': 'true'}).ok(200)
    eq((counts['approximate_member_count'], counts['approximate_presence_count']), (3, 1))
    mine, = ada.rest.get('/users/@me/guilds', query={'with_counts': 'true'}).ok(200)
    eq((mine['approximate_member_count'], mine['approximate_presence_count']), (3, 1))
    watcher = stage.owner.gateway(v=9, guilds=False)
    watcher.send(14, {'guild_id': stage.id, 'typing': True, 'members': [ada.id], 'channels': {stage.hall: [[0, 99]]}})
    d = watcher.wait('GUILD_MEMBER_LIST_UPDATE')['d']
    eq((d['online_count'], [(g['id'], g['count']) for g in d['groups']]), (2, [('online', 2), ('offline', 1)]))
    row, = [r['member'] for r in d['ops'][0]['items'] if 'member' in r and r['member']['user']['id'] == ada.id]
    eq((row['presence']['status'], row['presence']['activities'], row['presence']['client_status']), ('offline', [], {}))
    silent(watcher, ada)
    # Who types is seen to type: Discord shows it too.
    ada.rest.post('/channels/%s/typing' % stage.hall).ok(204)
    again.wait('TYPING_START', where=lambda d: d['user_id'] == ada.id)
    stage.close(session, again, watcher)
