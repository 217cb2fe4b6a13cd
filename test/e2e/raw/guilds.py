"""Guilds from the inside: channels, overwrites, roles, members, bans, the audit log, and what deletions take along."""

import concurrent.futures
import http.client
import urllib.parse

from .base import UNKNOWN, eq, step


def made(scene, name='inside'):
    """A guild of its own for a step that turns everything upside down."""
    guild = scene.world.guild(scene.ann, name)
    return guild, '/guilds/%s' % guild['id']


def member(scene, guild, name):
    person = scene.world.person(name)
    scene.world.join(person, scene.ann, guild['system_channel_id'])
    return person


def entry(scene, path, action, **wanted):
    """The newest audit entry of an action."""
    found = scene.ann.rest.get(path + '/audit-logs', query={'action_type': action, 'limit': 1}).ok(200)['audit_log_entries']
    assert found, 'no audit entry of action %d' % action
    for key, value in wanted.items():
        eq(found[0].get(key), value, key)
    return found[0]


def send_file(person, channel):
    """A message with a file; answers the file's path."""
    boundary = 'b' * 16
    body = ('--%s\r\nContent-Disposition: form-data; name="files[0]"; filename="a.txt"\r\n\r\nhello\r\n--%s--\r\n' % (
        boundary, boundary)).encode()
    sent = person.rest.request('POST', '/channels/%s/messages' % channel, raw=body, headers={
        'Content-Type': 'multipart/form-data; boundary=' + boundary}).ok(200)
    return urllib.parse.urlparse(sent['attachments'][0]['url'])


def change(found, key):
    return next((c for c in found['changes'] if c['key'] == key), None)


@step('a forum: its own fields, and tags one by one')
def _(scene):
    rest = scene.ann.rest
    forum = rest.post('/guilds/%s/channels' % scene.guild_id, {
        'name': 'forum', 'type': 15, 'topic': 'x' * 4096, 'default_sort_order': 1, 'default_forum_layout': 2,
        'default_reaction_emoji': {'emoji_name': '\U0001f44d'}, 'default_thread_rate_limit_per_user': 5,
        'available_tags': [{'name': 'one'}, {'name': 'two', 'moderated': True, 'emoji_name': '\U0001f44d'}],
        'flags': 16}).ok(201)
    eq([t['name'] for t in forum['available_tags']], ['one', 'two'])
    eq((forum['default_sort_order'], forum['default_forum_layout'], forum['flags']), (1, 2, 16))
    eq(forum['default_reaction_emoji'], {'emoji_id': None, 'emoji_name': '\U0001f44d'})
    path = '/channels/%s/tags' % forum['id']
    three = rest.post(path, {'name': 'three'}).ok(200)['available_tags'][2]
    rest.post(path, {'name': 'three'}).refused(400, 40061)
    rest.post(path, {'name': 'x' * 21}).refused(400, 50035, 'name')
    eq(rest.put('%s/%s' % (path, three['id']), {'name': 'drei'}).ok(200)['available_tags'][2]['name'], 'drei')
    rest.put('%s/%s' % (path, UNKNOWN), {'name': 'x'}).refused(404, 10087)
    left = rest.delete('%s/%s' % (path, three['id'])).ok(200)['available_tags']
    kept = rest.patch('/channels/%s' % forum['id'], {'available_tags': [dict(left[1], name='zwei'), {'name': 'new'}]}).ok(200)
    eq([t['name'] for t in kept['available_tags']], ['zwei', 'new'])
    eq(kept['available_tags'][0]['id'], left[1]['id'], 'a tag keeps its id')
    rest.patch('/channels/%s' % forum['id'], {'flags': 1}).refused(400, 50035, 'flags')
    scene.bob.rest.post(path, {'name': 'bobs'}).refused(403, 50013)
    rest.post('/channels/%s/tags' % scene.hall, {'name': 'x'}).refused(400, 50024)
    rest.delete('/channels/%s' % forum['id']).ok(200)


@step('where a channel may be, and how many')
def _(scene):
    guild, path = made(scene, 'crowded')
    rest = scene.ann.rest
    category = rest.post(path + '/channels', {'name': 'cat', 'type': 4}).ok(201)['id']
    first = rest.post(path + '/channels', {'name': 'c', 'parent_id': category}).ok(201)
    eq(first['position'], 0)
    for n in range(1, 50):
        last = rest.post(path + '/channels', {'name': 'c', 'parent_id': category}).ok(201)
    eq(last['position'], 49, 'the newest is last')
    rest.post(path + '/channels', {'name': 'c', 'parent_id': category}).refused(
        400, 50035, 'parent_id', 'CHANNEL_PARENT_MAX_CHANNELS')
    other = rest.post(path + '/channels', {'name': 'cat', 'type': 4}).ok(201)['id']
    rest.patch(path + '/channels', [{'id': first['id'], 'parent_id': other}, {'id': last['id'], 'parent_id': other}]) \
        .refused(400, 40009)
    rest.patch(path + '/channels', [{'id': first['id'], 'parent_id': last['id']}]).refused(400, 50035, '0.parent_id')
    rest.patch(path + '/channels', [{'id': UNKNOWN, 'position': 1}]).refused(404, 10003)
    rest.patch(path + '/channels', [{'id': first['id'], 'parent_id': other, 'lock_permissions': True},
                                    {'id': last['id'], 'position': 0}]).ok(204)
    eq(rest.get('/channels/%s' % first['id']).ok(200)['parent_id'], other)
    rest.patch('/channels/%s' % first['id'], {'parent_id': None}).ok(200)
    for kind, name in ((2, 'v'), (13, 's'), (15, 'f'), (16, 'm'), (5, 'a')):
        eq(rest.post(path + '/channels', {'name': name, 'type': kind}).ok(201)['type'], kind)
    rest.post(path + '/channels', {'name': 'x', 'type': 14}).refused(400, 50035, 'type')
    rest.post(path + '/channels', {'type': 0}).refused(400, 50035, 'name', 'BASE_TYPE_REQUIRED')
    rest.post(path + '/channels', {'name': 'x', 'type': 13, 'bitrate': 96000}).refused(400, 50035, 'bitrate')
    rest.post(path + '/channels', {'name': 'x', 'permission_overwrites': [{'id': UNKNOWN, 'type': 0, 'deny': '1'}]}) \
        .refused(400, 50035, 'permission_overwrites.0.id')
    rest.delete(path).ok(204)


@step('a channel goes: settings that named it, its messages, invites and entries')
def _(scene):
    guild, path = made(scene, 'settings')
    rest = scene.ann.rest
    bot = scene.world.bot(scene.ann, 'witness')
    scene.world.add_bot(scene.ann, bot, guild['id'])
    gateway = bot.gateway()
    system = guild['system_channel_id']
    rest.post('/channels/%s/messages' % system, {'content': 'soon gone'}).ok(200)
    code = rest.post('/channels/%s/invites' % system, {'unique': True}).ok(200)['code']
    rest.delete('/channels/%s' % system, reason='tidy').ok(200)
    gateway.wait('CHANNEL_DELETE', where=lambda d: d['id'] == system)
    eq(gateway.wait('GUILD_UPDATE')['d']['system_channel_id'], None)
    scene.world.person('late').rest.post('/invites/%s' % code, {}).refused(404, 10006)
    found = entry(scene, path, 12, target_id=system, reason='tidy')
    eq(change(found, 'name'), {'key': 'name', 'old_value': 'general'})
    gateway.close()
    rest.delete(path).ok(204)


@step('a deleted role is gone from members and overwrites, and positions stay without holes')
def _(scene):
    guild, path = made(scene, 'ranks')
    rest = scene.ann.rest
    roles = [rest.post(path + '/roles', {'name': 'r%d' % n, 'permissions': '0'}).ok(200) for n in range(4)]
    order = lambda: [(r['name'], r['position']) for r in sorted(rest.get(path + '/roles').ok(200), key=lambda r: r['position'])]
    eq(order(), [('@everyone', 0), ('r3', 1), ('r2', 2), ('r1', 3), ('r0', 4)], 'a new role is lowest')
    eve = member(scene, guild, 'eve')
    for role in roles[1:3]:
        rest.put('%s/members/%s/roles/%s' % (path, eve.id, role['id'])).ok(204)
    counts = rest.get(path + '/roles/member-counts').ok(200)
    eq(counts, {roles[0]['id']: 0, roles[1]['id']: 1, roles[2]['id']: 1, roles[3]['id']: 0})
    eq(rest.get('%s/roles/%s/member-ids' % (path, roles[1]['id'])).ok(200), [eve.id])
    rest.put('/channels/%s/permissions/%s' % (guild['system_channel_id'], roles[2]['id']), {'type': 0, 'deny': '2048'}).ok(204)
    rest.delete('%s/roles/%s' % (path, roles[2]['id'])).ok(204)
    eq(order(), [('@everyone', 0), ('r3', 1), ('r1', 2), ('r0', 3)])
    eq(rest.get('%s/members/%s' % (path, eve.id)).ok(200)['roles'], [roles[1]['id']])
    eq(rest.get('/channels/%s' % guild['system_channel_id']).ok(200)['permission_overwrites'], [])
    eq(change(entry(scene, path, 32, target_id=roles[2]['id']), 'name')['old_value'], 'r2')
    moved = rest.patch(path + '/roles', [{'id': roles[0]['id'], 'position': 1}], reason='down').ok(200)
    eq([r['name'] for r in sorted(moved, key=lambda r: r['position'])], ['@everyone', 'r0', 'r3', 'r1'])
    rest.patch(path + '/roles', [{'id': roles[0]['id'], 'position': 1}, {'id': roles[0]['id'], 'position': 2}]).refused(400, 50035)
    rest.patch('%s/roles/%s' % (path, guild['id']), {'name': 'nobody', 'permissions': '1024'}).ok(200)
    everyone = rest.get('%s/roles/%s' % (path, guild['id'])).ok(200)
    eq((everyone['name'], everyone['permissions']), ('@everyone', '1024'))
    two = rest.patch('%s/roles/%s' % (path, roles[0]['id']), {'colors': {'primary_color': 1, 'secondary_color': 2}}).ok(200)
    eq((two['color'], two['colors']), (1, {'primary_color': 1, 'secondary_color': 2, 'tertiary_color': None}))
    rest.delete(path).ok(204)


@step('who may touch whom: ranks decide over kicks, bans, names, timeouts')
def _(scene):
    guild, path = made(scene, 'order')
    rest = scene.ann.rest
    power = str(1 << 1 | 1 << 2 | 1 << 27 | 1 << 28 | 1 << 40 | 1 << 10)
    low = rest.post(path + '/roles', {'name': 'low', 'permissions': power}).ok(200)['id']
    high = rest.post(path + '/roles', {'name': 'high', 'permissions': power}).ok(200)['id']
    rest.patch(path + '/roles', [{'id': high, 'position': 2}]).ok(200)
    boss, mod, mod2, plain = (member(scene, guild, name) for name in ('boss', 'mod', 'modd', 'plain'))
    rest.put('%s/members/%s/roles/%s' % (path, boss.id, high)).ok(204)
    for person in (mod, mod2):
        rest.put('%s/members/%s/roles/%s' % (path, person.id, low)).ok(204)
    soon = '2099-01-01T00:00:00+00:00'
    for target in (boss, mod2, scene.ann):
        where = '%s/members/%s' % (path, target.id)
        mod.rest.delete(where).refused(403, 50013)
        mod.rest.put('%s/bans/%s' % (path, target.id), {}).refused(403, 50013)
        mod.rest.patch(where, {'nick': 'x'}).refused(403, 50013)
        mod.rest.patch(where, {'communication_disabled_until': soon}).refused(403, 50013)
    mod.rest.patch('%s/members/%s' % (path, mod.id), {'communication_disabled_until': None}).refused(403, 50013)
    mod.rest.patch('%s/members/%s' % (path, plain.id), {'nick': 'Plain'}).ok(200)
    mod.rest.patch('%s/members/%s' % (path, plain.id), {'roles': [low]}).refused(403, 50013)
    boss.rest.patch('%s/members/%s' % (path, plain.id), {'roles': [low, guild['id']]}).ok(200)
    boss.rest.patch('%s/members/%s' % (path, plain.id), {'roles': [high]}).refused(403, 50013)
    boss.rest.patch('%s/members/%s' % (path, mod.id), {'mute': True}).refused(403, 50013)
    rest.patch('%s/members/%s' % (path, mod.id), {'mute': True}).refused(400, 40032)
    rest.patch('%s/members/%s' % (path, mod.id), {'channel_id': None}).refused(400, 40032)
    eq(entry(scene, path, 24, target_id=plain.id, user_id=mod.id)['changes'], [{'key': 'nick', 'new_value': 'Plain'}])
    eq([c['key'] for c in entry(scene, path, 25, target_id=plain.id)['changes']], ['$add'])
    boss.rest.delete('%s/members/%s' % (path, mod2.id), reason='out').ok(204)
    entry(scene, path, 20, target_id=mod2.id, user_id=boss.id, reason='out')
    # Nobody hands out what they lack, nor takes away what they lack.
    mod.rest.post(path + '/roles', {'permissions': '8'}).refused(403, 50013)
    rest.patch('%s/roles/%s' % (path, low), {'permissions': str(int(power) | 1 << 4)}).ok(200)
    boss.rest.patch('%s/roles/%s' % (path, low), {'permissions': '0'}).refused(403, 50013)
    boss.rest.patch('%s/roles/%s' % (path, low), {'permissions': str(1 << 4)}).ok(200)
    rest.delete(path).ok(204)


@step('overwrites: only bits that one holds, unless an overwrite gives MANAGE_ROLES')
def _(scene):
    guild, path = made(scene, 'over')
    rest = scene.ann.rest
    eve = member(scene, guild, 'eve')
    role = rest.post(path + '/roles', {'name': 'r', 'permissions': '0'}).ok(200)['id']
    channel = rest.post(path + '/channels', {'name': 'c'}).ok(201)['id']
    where = '/channels/%s/permissions/' % channel
    rest.put(where + UNKNOWN, {'type': 0}).refused(404, 10011)
    rest.put(where + UNKNOWN, {'type': 1}).refused(404, 10007)
    eve.rest.put(where + role, {'type': 0, 'allow': '1024'}).refused(403, 50013)
    rest.put(where + eve.id, {'type': 1, 'allow': str(1 << 28)}, reason='trust').ok(204)
    found = entry(scene, path, 13, target_id=channel, reason='trust')
    eq(found['options'], {'id': eve.id, 'type': '1'})
    eve.rest.put(where + role, {'type': 0, 'allow': str(1 << 13)}).ok(204)
    found = entry(scene, path, 13, user_id=eve.id)
    eq(found['options'], {'id': role, 'type': '0', 'role_name': 'r'})
    rest.put(where + role, {'type': 0, 'allow': '0', 'deny': '64'}).ok(204)
    found = entry(scene, path, 14)
    eq((change(found, 'allow'), change(found, 'deny')), (
        {'key': 'allow', 'old_value': str(1 << 13), 'new_value': '0'}, {'key': 'deny', 'old_value': '0', 'new_value': '64'}))
    rest.delete(where + role).ok(204)
    entry(scene, path, 15, target_id=channel)
    rest.delete(path).ok(204)


@step('a guild goes: GUILD_DELETE to all, nothing of it is left, members keep no trace')
def _(scene):
    guild, path = made(scene, 'mortal')
    rest = scene.ann.rest
    eve = member(scene, guild, 'eve')
    gateways = [eve.gateway(), scene.ann.gateway()]
    channel = rest.post(path + '/channels', {'name': 'c'}).ok(201)['id']
    message = rest.post('/channels/%s/messages' % channel, {'content': 'x'}).ok(200)['id']
    code = rest.post('/channels/%s/invites' % channel, {'unique': True}).ok(200)['code']
    eve.rest.delete(path).refused(403, 50013)
    rest.delete(path).ok(204)
    for gateway in gateways:
        eq(gateway.wait('GUILD_DELETE')['d'], {'id': guild['id']})
        gateway.close()
    for person in (scene.ann, eve):
        assert guild['id'] not in [g['id'] for g in person.rest.get('/users/@me/guilds').ok(200)], 'still listed'
        person.rest.get(path).refused(404, 10004)
        person.rest.get('/channels/%s' % channel).refused(404, 10003)
        person.rest.get('/channels/%s/messages/%s' % (channel, message)).refused(404, 10003)
        person.rest.post('/channels/%s/messages' % channel, {'content': 'x'}).refused(404, 10003)
    eve.rest.get('/invites/%s' % code).refused(404, 10006)
    eve.rest.post('/invites/%s' % code, {}).refused(404, 10006)
    session = eve.gateway()
    assert guild['id'] not in [g['id'] for g in session.ready['guilds']], 'still in READY'
    session.close()


@step('a ban takes hundreds of messages along, from all channels and no one else\'s')
def _(scene):
    guild, path = made(scene, 'spam')
    rest = scene.ann.rest
    mal = member(scene, guild, 'mal')
    channels = [guild['system_channel_id'], rest.post(path + '/channels', {'name': 'c'}).ok(201)['id']]
    kept = [rest.post('/channels/%s/messages' % c, {'content': 'kept'}).ok(200)['id'] for c in channels]
    for n in range(120):
        mal.rest.post('/channels/%s/messages' % channels[n % 4 == 0], {'content': 'spam %d' % n}).ok(200)
    file = send_file(mal, channels[1])

    def fetch():
        connection = http.client.HTTPConnection(scene.host, scene.port, timeout=10)
        connection.request('GET', '%s?%s' % (file.path, file.query))
        return connection.getresponse().status

    eq(fetch(), 200)
    gateway = scene.ann.gateway()
    rest.put('%s/bans/%s' % (path, mal.id), {'delete_message_seconds': 3600}, reason='spam').ok(204)
    gone = 0
    while gone < 122:  # with the notice that they joined, whose author they are
        gone += len(gateway.wait('MESSAGE_DELETE_BULK')['d']['ids'])
    eq((gone, fetch()), (122, 404))
    gateway.close()
    for channel, own in zip(channels, kept):
        left = rest.get('/channels/%s/messages' % channel, query={'limit': 100}).ok(200)
        eq([m['id'] for m in left if m['type'] == 0], [own])
    rest.put('%s/bans/%s' % (path, mal.id), {}).ok(204)
    entry(scene, path, 22, target_id=mal.id, reason='spam')
    eq(rest.get('%s/bans/%s' % (path, mal.id)).ok(200)['reason'], 'spam')
    rest.delete('%s/bans/%s' % (path, mal.id)).ok(204)
    entry(scene, path, 23, target_id=mal.id)
    rest.delete(path).ok(204)


@step('many change one guild at once, and it comes out whole')
def _(scene):
    guild, path = made(scene, 'busy')
    rest = scene.ann.rest

    def work(n):
        own = scene.world.nobody.__class__(scene.host, scene.port, rest.authorization, 'v9')
        role = own.post(path + '/roles', {'name': 'r%d' % n}).ok(200)['id']
        channel = own.post(path + '/channels', {'name': 'c%d' % n}).ok(201)['id']
        own.put('/channels/%s/permissions/%s' % (channel, role), {'type': 0, 'deny': '64'}).ok(204)
        own.put('%s/members/%s/roles/%s' % (path, scene.ann.id, role)).ok(204)
        if n % 2:
            own.delete('%s/roles/%s' % (path, role)).ok(204)
            own.delete('/channels/%s' % channel).ok(200)
        own.close()
        return role

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        roles = list(pool.map(work, range(24)))
    listed = rest.get(path + '/roles').ok(200)
    eq(sorted(r['position'] for r in listed), list(range(len(listed))), 'positions')
    eq(sorted(r['id'] for r in listed if r['id'] != guild['id']), sorted(roles[::2]))
    eq(sorted(rest.get('%s/members/%s' % (path, scene.ann.id)).ok(200)['roles']), sorted(roles[::2]))
    eq(len(rest.get(path + '/channels').ok(200)), 4 + 12)
    rest.delete(path).ok(204)


@step('moderators search members by name, role, time and how they came')
def _(scene):
    guild, path = made(scene, 'search')
    rest = scene.ann.rest
    people = [member(scene, guild, name) for name in ('zoe', 'zac', 'yan')]
    role = rest.post(path + '/roles', {}).ok(200)['id']
    rest.put('%s/members/%s/roles/%s' % (path, people[0].id, role)).ok(204)
    search = lambda **body: rest.post(path + '/members-search', body).ok(200)
    ids = lambda answer: [m['member']['user']['id'] for m in answer['members']]
    everybody = search()
    eq((everybody['total_result_count'], everybody['page_result_count']), (4, 4))
    eq(ids(everybody), [p.id for p in reversed(people)] + [scene.ann.id], 'newest first')
    eq(ids(search(sort=2)), [scene.ann.id] + [p.id for p in people])
    eq(sorted(ids(search(and_query={'usernames': {'or_query': ['Z']}}))), sorted(p.id for p in people[:2]))
    eq(ids(search(and_query={'role_ids': {'and_query': [role]}})), [people[0].id])
    eq(sorted(ids(search(or_query={'role_ids': {'or_query': [role]}, 'usernames': {'or_query': ['yan']}}))),
       sorted([people[0].id, people[2].id]))
    eq(search(and_query={'join_source_type': {'or_query': [5]}})['total_result_count'], 3)
    eq(search(and_query={'guild_joined_at': {'range': {'gte': 4102444800000}}})['members'], [])
    first = search(limit=2)
    rest_ = search(limit=2, after={'user_id': ids(first)[-1], 'guild_joined_at': 0})
    eq(ids(first) + ids(rest_), ids(everybody))
    extra = rest.post(path + '/members/supplemental', {'user_ids': [people[0].id, UNKNOWN]}).ok(200)
    eq([(m['user_id'], m['join_source_type'], m['inviter_id']) for m in extra], [(people[0].id, 5, scene.ann.id)])
    people[0].rest.post(path + '/members-search', {}).refused(403, 50013)
    rest.delete(path).ok(204)
