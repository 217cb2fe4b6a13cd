"""Sessions: IDENTIFY, RESUME, sequence numbers, close codes."""

import json
import time

from lib.ws import TEXT, Closed
from .base import ALL_INTENTS, UNKNOWN, Skip, eq, step

BAD_TOKEN = 'MTAwMDAwMDAwMDAwMDAwMDAx.AAAAAA.not-a-token-at-all-0000000'


def expect_close(gateway, *codes, timeout=5):
    code = gateway.wait_close(timeout)
    gateway.drop()
    if code not in codes:
        raise AssertionError('closed with %s, not %s' % (code, ' or '.join(map(str, codes))))


def ready(scene, **more):
    gateway = scene.bot.gateway(**more)
    assert gateway.session_id
    return gateway


@step('HELLO comes first, a heartbeat is answered before IDENTIFY')
def _(scene):
    gateway = scene.gateway()
    eq(gateway.hello(), 41250, 'heartbeat_interval')
    gateway.heartbeat()
    ack = gateway.wait(op=11)
    eq(ack.get('d'), None)
    gateway.close()


@step('READY of a bot has what libraries read')
def _(scene):
    scene.bot
    gateway = scene.gateway(v=10)
    gateway.hello()
    gateway.identify('Bot ' + scene.bot.token)
    payload = gateway.wait('READY')
    d = payload['d']
    eq(payload['s'], 1, 's of READY')
    eq(d['v'], 10)
    user = d['user']
    eq((user['id'], user['bot'], user['email'], user['verified'], user['mfa_enabled']),
       (scene.bot.id, True, None, True, False))
    assert len(user['discriminator']) == 4 or user['discriminator'] == '0', user['discriminator']
    eq([g for g in d['guilds'] if g['id'] == scene.guild_id], [{'id': scene.guild_id, 'unavailable': True}])
    eq(d['application']['id'], scene.bot.application_id)
    eq(d['application']['flags'] & (1 << 13 | 1 << 15 | 1 << 19), 1 << 13 | 1 << 15 | 1 << 19, 'flags')
    eq(d['application']['flags_new'], str(d['application']['flags']), 'flags_new')
    assert d['resume_gateway_url'].startswith(('ws://', 'wss://')) and '?' not in d['resume_gateway_url']
    for key in ('private_channels', 'relationships', 'presences', 'geo_ordered_rtc_regions'):
        assert isinstance(d[key], list), key
    for key in ('user_settings', 'auth'):
        assert isinstance(d[key], dict), key
    eq(d['session_type'], 'normal')
    gateway.close()


@step('GUILD_CREATE has what libraries read')
def _(scene):
    gateway = ready(scene)
    guild = gateway.guilds[scene.guild_id]
    eq((guild['unavailable'], guild['large'], guild['owner_id']), (False, False, scene.ann.id))
    for key in ('roles', 'emojis', 'stickers', 'features', 'channels', 'threads', 'members', 'presences', 'voice_states',
                'stage_instances', 'guild_scheduled_events', 'soundboard_sounds'):
        assert isinstance(guild[key], list), key
    assert guild['member_count'] >= 2 and guild['joined_at']
    assert any(m['user']['id'] == scene.bot.id for m in guild['members']), 'own member is missing'
    everyone = [r for r in guild['roles'] if r['id'] == guild['id']]
    assert everyone and isinstance(everyone[0]['permissions'], str) and 'colors' in everyone[0] and 'flags' in everyone[0]
    for channel in guild['channels']:
        for key in ('id', 'type', 'name', 'position', 'permission_overwrites', 'parent_id'):
            assert key in channel, '%s of a channel' % key
    assert not any(k.startswith('approximate_') for k in guild)
    gateway.close()


@step('s begins at 1 and grows by one, also over a burst')
def _(scene):
    gateway = ready(scene)
    for i in range(20):
        scene.say(scene.ann, 'count %d' % i)
    gateway.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'count 19')
    numbers = [p['s'] for p in gateway.seen if p['op'] == 0]
    eq(numbers, list(range(1, len(numbers) + 1)))
    assert all(p['s'] is None and p['t'] is None for p in gateway.seen if p['op'] != 0), 's or t outside op 0'
    gateway.close()


@step('each gateway version, with and without encoding, with and without the slash')
def _(scene):
    for query, version in (('v=9&encoding=json', 9), ('v=10&encoding=json', 10), ('v=10', 10), ('encoding=json&v=9', 9),
                           ('v=8', 8)):
        gateway = scene.gateway(query=query).start(scene.bot.token)
        eq(gateway.ready['v'], version, query)
        gateway.close()


@step('4012 for a version that does not exist')
def _(scene):
    for query in ('v=5&encoding=json', 'v=99&encoding=json', 'v=ten&encoding=json'):
        gateway = scene.gateway(query=query)
        try:
            gateway.hello()
            gateway.identify(scene.bot.token)
        except (Closed, OSError) as error:
            if isinstance(error, Closed):
                eq(error.code, 4012, query)
                gateway.drop()
                continue
        expect_close(gateway, 4012)


@step('4004 for a bad token, in IDENTIFY and in RESUME')
def _(scene):
    for token in (BAD_TOKEN, '', 'x' * 300, scene.bot.token + 'x', scene.bot.token[:-1]):
        gateway = scene.gateway()
        gateway.hello()
        gateway.identify(token)
        expect_close(gateway, 4004)
    first = ready(scene)
    gateway = scene.gateway()
    gateway.hello()
    gateway.resume(BAD_TOKEN, first.session_id, first.seq)
    expect_close(gateway, 4004)
    first.heartbeat()
    first.wait(op=11)
    first.close()


@step('4003 for anything before IDENTIFY')
def _(scene):
    for op, d in ((3, {'since': None, 'activities': [], 'status': 'online', 'afk': False}),
                  (4, {'guild_id': scene.guild_id, 'channel_id': None, 'self_mute': False, 'self_deaf': False}),
                  (8, {'guild_id': scene.guild_id, 'query': '', 'limit': 0})):
        gateway = scene.gateway()
        gateway.hello()
        gateway.send(op, d)
        expect_close(gateway, 4003)


@step('4005 for a second IDENTIFY, or a RESUME on a socket that has a session')
def _(scene):
    gateway = ready(scene)
    gateway.identify(scene.bot.token)
    expect_close(gateway, 4005)
    gateway = ready(scene)
    gateway.resume(scene.bot.token, gateway.session_id, gateway.seq)
    expect_close(gateway, 4005)


@step('4001 for an unknown opcode, 4002 for what is no payload')
def _(scene):
    for op in (99, -1, 12):
        gateway = ready(scene)
        gateway.send(op, None)
        expect_close(gateway, 4001)
    for text in ('{', 'null', '[]', '"op"', '{"op":"x","d":null}', '{"d":null}', '', '{"op":1,"d":1}trailing'):
        gateway = ready(scene)
        gateway.ws.send(text, TEXT)
        expect_close(gateway, 4002, 4001)
    for op, d in ((2, 'x'), (6, []), (3, 5), (8, 'all')):
        gateway = ready(scene) if op in (3, 8) else scene.gateway()
        if op in (2, 6):
            gateway.hello()
        gateway.send(op, d)
        expect_close(gateway, 4001, 4002)


@step('4002 for a payload that is too big, though 4 KB and a little more is taken')
def _(scene):
    gateway = ready(scene)
    gateway.send(3, {'since': None, 'status': 'online', 'afk': False, 'activities': [], 'more': 'x' * 12000})
    gateway.heartbeat()
    gateway.wait(op=11)
    gateway.send(3, {'since': None, 'status': 'online', 'afk': False, 'activities': [], 'more': 'x' * 20000})
    expect_close(gateway, 4002)


@step('deep JSON in a frame ends nothing but that socket')
def _(scene):
    gateway = ready(scene)
    gateway.ws.send('{"op":3,"d":' + '[' * 7000 + ']' * 7000 + '}', TEXT)
    expect_close(gateway, 4002, 4001)
    scene.say(scene.ann, 'still here')


@step('4010 for a shard that is not', slow=False)
def _(scene):
    for shard in ([1, 1], [5, 2], [-1, 1], [0, 0]):
        gateway = scene.gateway()
        gateway.hello()
        gateway.identify(scene.bot.token, shard=shard)
        expect_close(gateway, 4010)


@step('4013 for intents that do not exist, or none at all')
def _(scene):
    for intents in (1 << 29, 1 << 40, None, -1):
        gateway = scene.gateway()
        gateway.hello()
        gateway.identify(scene.bot.token, intents)
        expect_close(gateway, 4013)


@step('4014 for a privileged intent that the application lacks')
def _(scene):
    plain = scene.world.bot(scene.ann, 'plain', 0)
    for intents in (1 << 1, 1 << 8, 1 << 15):
        gateway = scene.gateway()
        gateway.hello()
        gateway.identify(plain.token, intents)
        expect_close(gateway, 4014)
    gateway = plain.gateway(intents=ALL_INTENTS & ~(1 << 1 | 1 << 8 | 1 << 15))
    gateway.close()


@step('a session without a heartbeat is closed with 4009 after 60 s and can be resumed', slow=True)
def _(scene):
    gateway = ready(scene)
    begin = time.monotonic()
    code = gateway.wait_close(90)
    eq(code, 4009)
    took = time.monotonic() - begin
    assert 55 < took < 75, 'closed after %.0f s' % took
    again = scene.gateway()
    again.hello()
    again.resume(scene.bot.token, gateway.session_id, gateway.seq)
    again.wait('RESUMED')
    again.close()


@step('a socket that never identifies is closed', slow=True)
def _(scene):
    gateway = scene.gateway()
    gateway.hello()
    eq(gateway.wait_close(90), 4009)


# -- RESUME

@step('op 9 false for an unknown session, and IDENTIFY on the same socket goes on')
def _(scene):
    gateway = scene.gateway()
    gateway.hello()
    for session in ('0' * 32, 'x', '', 'ÿ' * 50):
        gateway.resume(scene.bot.token, session, 5)
        eq(gateway.wait(op=9)['d'], False)
    gateway.identify(scene.bot.token)
    gateway.wait('READY')
    gateway.close()


@step('RESUME gives what was missed once, in order, with its own s, then RESUMED, then goes on')
def _(scene):
    channel = scene.channel()
    gateway = ready(scene)
    scene.say(scene.ann, 'before', channel)
    gateway.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'before')
    last = gateway.seq
    gateway.drop()
    sent = [scene.say(scene.ann, 'missed %d' % i, channel)['id'] for i in range(10)]
    again = scene.gateway()
    again.hello()
    again.resume('Bot ' + scene.bot.token, gateway.session_id, last)
    resumed = again.wait('RESUMED')
    assert isinstance(resumed['d'], dict), 'd of RESUMED is %r' % resumed['d']
    after = scene.say(scene.ann, 'after', channel)
    again.wait('MESSAGE_CREATE', where=lambda d: d['id'] == after['id'])
    numbers = [p['s'] for p in again.seen if p['op'] == 0]
    eq(numbers, list(range(last + 1, last + 1 + len(numbers))), 's')
    got = [p['d']['id'] for p in again.seen if p['t'] == 'MESSAGE_CREATE' and p['d']['channel_id'] == channel]
    eq(got, sent + [after['id']], 'messages')
    index = [p['t'] for p in again.seen if p['op'] == 0].index('RESUMED')
    assert [p['t'] for p in again.seen if p['op'] == 0][:index].count('MESSAGE_CREATE') == 10, 'RESUMED came too early'
    again.close()


@step('RESUME with an older s repeats exactly what came after it')
def _(scene):
    channel = scene.channel()
    gateway = ready(scene)
    for i in range(5):
        scene.say(scene.ann, 'n %d' % i, channel)
    gateway.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'n 4')
    original = [(p['s'], p['t'], p['d']) for p in gateway.seen if p['op'] == 0]
    back = gateway.seq - 3
    gateway.drop()
    again = scene.gateway()
    again.hello()
    again.resume(scene.bot.token, gateway.session_id, back)
    again.wait('RESUMED')
    replayed = [(p['s'], p['t'], p['d']) for p in again.seen if p['op'] == 0][:-1]
    eq(replayed, original[-3:])
    again.close()


@step('RESUME with nothing missed is RESUMED alone')
def _(scene):
    gateway = ready(scene)
    gateway.none(timeout=0.3, t='NOTHING')
    last = gateway.seq
    gateway.drop()
    again = scene.gateway()
    again.hello()
    again.resume(scene.bot.token, gateway.session_id, last)
    payload = again.wait('RESUMED')
    eq([p['t'] for p in again.seen if p['op'] == 0 and p['t'] != 'PRESENCE_UPDATE'], ['RESUMED'])
    eq(payload['s'], again.seen[-1]['s'])
    again.heartbeat()
    again.wait(op=11)
    again.close()


@step('RESUME twice over: what one socket got, the next one gets no more')
def _(scene):
    channel = scene.channel()
    gateway = ready(scene)
    session, seen = gateway.session_id, []
    for turn in range(3):
        gateway.drop()
        sent = [scene.say(scene.ann, 'turn %d %d' % (turn, i), channel)['id'] for i in range(3)]
        again = scene.gateway()
        again.hello()
        again.resume(scene.bot.token, session, gateway.seq)
        again.wait('RESUMED')
        got = [p['d']['id'] for p in again.seen if p['t'] == 'MESSAGE_CREATE' and p['d']['channel_id'] == channel]
        eq(got, sent, 'turn %d' % turn)
        seen += [p['s'] for p in again.seen if p['op'] == 0]
        gateway = again
    eq(seen, list(range(seen[0], seen[0] + len(seen))), 's over all turns')
    gateway.close()


@step('RESUME with another\'s token is op 9 false and disturbs nobody')
def _(scene):
    gateway = ready(scene)
    other = scene.world.bot(scene.ann, 'other bot')
    thief = scene.gateway()
    thief.hello()
    thief.resume(other.token, gateway.session_id, gateway.seq)
    eq(thief.wait(op=9)['d'], False)
    thief.resume(scene.ann.token, gateway.session_id, gateway.seq)
    eq(thief.wait(op=9)['d'], False)
    thief.close()
    message = scene.say(scene.ann, 'still mine')
    gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])
    gateway.close()


@step('4007 for an s from the future, and the session is gone')
def _(scene):
    gateway = ready(scene)
    gateway.drop()
    again = scene.gateway()
    again.hello()
    again.resume(scene.bot.token, gateway.session_id, gateway.seq + 1000)
    expect_close(again, 4007)
    third = scene.gateway()
    third.hello()
    third.resume(scene.bot.token, gateway.session_id, gateway.seq)
    eq(third.wait(op=9)['d'], False)
    third.close()


@step('RESUME on a live session takes over; the old socket is closed')
def _(scene):
    gateway = ready(scene)
    again = scene.gateway()
    again.hello()
    again.resume(scene.bot.token, gateway.session_id, gateway.seq)
    again.wait('RESUMED')
    gateway.wait_close()
    gateway.drop()
    message = scene.say(scene.ann, 'to the new one')
    again.wait('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])
    again.close()


@step('a close with 4000 keeps the session, with 1000 or 1001 it ends')
def _(scene):
    for code, keeps in ((4000, True), (4200, True), (1000, False), (1001, False)):
        gateway = ready(scene)
        gateway.close(code)
        again = scene.gateway()
        again.hello()
        again.resume(scene.bot.token, gateway.session_id, gateway.seq)
        if keeps:
            again.wait('RESUMED')
        else:
            eq(again.wait(op=9)['d'], False, 'after %d' % code)
        again.close()


@step('RESUME by resume_gateway_url')
def _(scene):
    import urllib.parse
    from lib.gateway import Gateway
    gateway = ready(scene)
    url = urllib.parse.urlparse(gateway.resume_url)
    gateway.drop()
    if url.scheme == 'wss':
        raise Skip('resume_gateway_url is wss')
    again = Gateway(url.hostname, url.port or 80, path=url.path or '/')
    again.hello()
    again.resume(scene.bot.token, gateway.session_id, gateway.seq)
    again.wait('RESUMED')
    again.close()


@step('RESUME with a wild d is no harm')
def _(scene):
    for d in ({}, {'token': scene.bot.token}, {'token': scene.bot.token, 'session_id': 5, 'seq': 1},
              {'token': scene.bot.token, 'session_id': 'x', 'seq': 'one'}, {'token': None, 'session_id': None, 'seq': None}):
        gateway = scene.gateway()
        gateway.hello()
        gateway.send(6, d)
        try:
            payload = gateway.recv(5)
            eq((payload['op'], payload['d']), (9, False), json.dumps(d)[:60])
        except Closed as closed:
            assert closed.code in (4001, 4002, 4004), '%r closed with %s' % (d, closed.code)
        gateway.drop()


# -- who gets what

@step('shards share the guilds out')
def _(scene):
    here = (int(scene.guild_id) >> 22) % 2
    for shard in (0, 1):
        gateway = scene.gateway()
        gateway.hello()
        gateway.identify(scene.bot.token, shard=[shard, 2])
        d = gateway.wait('READY')['d']
        eq(d['shard'], [shard, 2])
        eq(any(g['id'] == scene.guild_id for g in d['guilds']), shard == here, 'guild in shard %d' % shard)
        message = scene.say(scene.ann, 'shard %d' % shard)
        mine = lambda d: d['id'] == message['id']
        if shard == here:
            gateway.wait('MESSAGE_CREATE', where=mine)
        else:
            gateway.none('MESSAGE_CREATE', where=mine)
        gateway.close()


@step('without an intent its events do not come')
def _(scene):
    guilds = scene.bot.gateway(intents=1 << 0)
    silent = scene.bot.gateway(intents=0, guilds=False)
    message = scene.say(scene.ann, 'quiet')
    guilds.none('MESSAGE_CREATE')
    events = silent.none('GUILD_CREATE')
    eq([p['t'] for p in events if p['op'] == 0], [], 'events without any intent')
    assert any(g['id'] == scene.guild_id for g in silent.ready['guilds']), 'guilds are listed all the same'
    scene.bot.rest.put('/channels/%s/messages/%s/reactions/%s/@me' % (scene.hall, message['id'], '%F0%9F%91%8D')).ok(204)
    guilds.none('MESSAGE_REACTION_ADD')
    for gateway in (guilds, silent):
        gateway.close()


@step('without MESSAGE_CONTENT the content is empty, but for own messages, mentions and DMs')
def _(scene):
    gateway = scene.bot.gateway(intents=ALL_INTENTS & ~(1 << 15))
    other = scene.say(scene.ann, 'secret', embeds=[{'title': 'too'}])
    d = gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == other['id'])['d']
    eq((d['content'], d['embeds'], d['attachments'], d['components']), ('', [], [], []))
    own = scene.say(scene.bot, 'mine')
    d = gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == own['id'])['d']
    eq(d['content'], 'mine')
    mention = scene.say(scene.ann, 'hey <@%s>' % scene.bot.id)
    d = gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == mention['id'])['d']
    assert d['content'].startswith('hey'), d['content']
    dm = scene.bob.rest.post('/users/@me/channels', {'recipients': [scene.bot.id]}).ok(200)
    private = scene.say(scene.bob, 'between us', dm['id'])
    d = gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == private['id'])['d']
    eq(d['content'], 'between us')
    assert 'guild_id' not in d and 'member' not in d, 'a DM has neither guild_id nor member'
    gateway.close()


@step('two sessions of one bot both get every event, each with its own s')
def _(scene):
    one, two = ready(scene), ready(scene)
    message = scene.say(scene.ann, 'twice')
    for gateway in (one, two):
        gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])
        numbers = [p['s'] for p in gateway.seen if p['op'] == 0]
        eq(numbers, list(range(1, len(numbers) + 1)))
        gateway.close()


@step('MESSAGE_CREATE on the wire: member without user, mentions with member, nonce as it came')
def _(scene):
    gateway = ready(scene)
    for nonce in ('abc', 1234567890123, None):
        more = {} if nonce is None else {'nonce': nonce}
        message = scene.say(scene.ann, 'hi <@%s>' % scene.bot.id, **more)
        d = gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])['d']
        eq(d.get('nonce', 'absent'), 'absent' if nonce is None else nonce, 'nonce')
        eq(d['guild_id'], scene.guild_id)
        assert 'user' not in d['member'] and d['author']['id'] == scene.ann.id
        assert 'user' not in d['mentions'][0]['member'] and d['mentions'][0]['id'] == scene.bot.id
    gateway.close()


@step('ids in JSON may be numbers of 64 bits')
def _(scene):
    first = scene.say(scene.ann, 'target')
    reply = scene.bot.rest.post('/channels/%s/messages' % scene.hall, {
        'content': 'reply', 'message_reference': {'message_id': int(first['id']), 'channel_id': int(scene.hall)}}).ok(200)
    eq(reply['message_reference']['message_id'], first['id'])
    gateway = ready(scene)
    gateway.send(8, {'guild_id': [int(scene.guild_id)], 'user_ids': [int(scene.ann.id), int(UNKNOWN)], 'limit': 0})
    d = gateway.wait('GUILD_MEMBERS_CHUNK')['d']
    eq([m['user']['id'] for m in d['members']], [scene.ann.id])
    eq([str(i) for i in d['not_found']], [UNKNOWN])
    gateway.close()


@step('op 8: chunks, nonce, prefix, presences')
def _(scene):
    scene.bob
    gateway = ready(scene)
    gateway.send(8, {'guild_id': scene.guild_id, 'query': '', 'limit': 0, 'nonce': 'n1', 'presences': True})
    d = gateway.wait('GUILD_MEMBERS_CHUNK')['d']
    eq((d['guild_id'], d['chunk_index'], d['chunk_count'], d['nonce']), (scene.guild_id, 0, 1, 'n1'))
    assert {m['user']['id'] for m in d['members']} >= {scene.ann.id, scene.bob.id, scene.bot.id}
    assert any(p['user']['id'] == scene.bot.id for p in d['presences']), 'own presence'
    gateway.send(8, {'guild_id': scene.guild_id, 'query': scene.bob.name[:6].upper(), 'limit': 5})
    d = gateway.wait('GUILD_MEMBERS_CHUNK')['d']
    eq([m['user']['id'] for m in d['members']], [scene.bob.id])
    assert 'nonce' not in d or d['nonce'] is None
    gateway.send(8, {'guild_id': scene.guild_id, 'query': 'zzzz nobody', 'limit': 5, 'nonce': 'x' * 33})
    d = gateway.wait('GUILD_MEMBERS_CHUNK')['d']
    eq((d['members'], d['chunk_count']), ([], 1))
    assert d.get('nonce') is None, 'a nonce too long is dropped'
    gateway.close()


@step('op 3 takes activities, and `game` as one library sends it', aside=True)
def _(scene):
    watcher, gateway = ready(scene), None
    other = scene.world.bot(scene.ann, 'player')
    scene.world.add_bot(scene.ann, other, scene.guild_id)
    gateway = other.gateway()
    mine = lambda name: (lambda d: d['user']['id'] == other.id and [a['name'] for a in d['activities']] == [name])
    gateway.send(3, {'since': None, 'status': 'dnd', 'afk': False,
                     'activities': [{'name': 'chess', 'type': 0, 'created_at': '2020-01-01T00:00:00Z'}]})
    d = watcher.wait('PRESENCE_UPDATE', where=mine('chess'))['d']
    eq((d['status'], d['guild_id']), ('dnd', scene.guild_id))
    created = d['activities'][0]['created_at']
    assert isinstance(created, int) and abs(created / 1000 - time.time()) < 60, 'created_at %r' % created
    gateway.send(3, {'since': None, 'status': 'online', 'afk': False, 'game': {'name': 'go', 'type': 0}})
    watcher.wait('PRESENCE_UPDATE', where=mine('go'))
    gateway.close()
    watcher.wait('PRESENCE_UPDATE', where=lambda d: d['user']['id'] == other.id and d['status'] == 'offline', timeout=15)
    watcher.close()


@step('a token that is reset is dead: 401, and its sessions close with 4004')
def _(scene):
    bot = scene.world.bot(scene.ann, 'reset me')
    gateway = bot.gateway(guilds=False)
    fresh = scene.ann.rest.post('/applications/%s/bot/reset' % bot.application_id, {}).ok(200)['token']
    assert fresh != bot.token
    expect_close(gateway, 4004)
    eq(bot.rest.get('/users/@me').status, 401)
    again = scene.gateway()
    again.hello()
    again.resume(fresh, gateway.session_id, gateway.seq)
    eq(again.wait(op=9)['d'], False, 'session of the dead token')
    again.identify(fresh)
    again.wait('READY')
    again.close()


@step('GUILD_CREATE of a guild that one joins has no `unavailable`, after READY it is false')
def _(scene):
    # discord.py tells a join from a return by the key alone: with it on_guild_join never fires.
    gateway = scene.bot.gateway()
    eq(gateway.guilds[scene.guild_id].get('unavailable'), False)
    guild = scene.world.guild(scene.ann, 'to join')['id']
    scene.world.add_bot(scene.ann, scene.bot, guild)
    d = gateway.wait('GUILD_CREATE', where=lambda d: d['id'] == guild)['d']
    assert 'unavailable' not in d, 'unavailable is %r' % d['unavailable']
    scene.ann.rest.delete('/guilds/%s' % guild).ok(204)
    d = gateway.wait('GUILD_DELETE', where=lambda d: d['id'] == guild)['d']
    assert not d.get('unavailable'), 'looks like an outage'
    gateway.close()
