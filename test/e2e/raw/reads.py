"""Read states: acks heard by one's other sessions, mentions counted while one is away."""

from .base import eq, step

VERSIONED, OTHERS = 1 << 2, 1 << 7


def states(person, capabilities=0):
    """READY's entries by id, of a fresh session."""
    gateway = person.gateway(guilds=False, identify={'capabilities': capabilities})
    found = gateway.ready['read_state']
    gateway.close()
    if capabilities & VERSIONED:
        eq(found['partial'], False)
        found = found['entries']
    assert isinstance(found, list), found
    return {s['id']: s for s in found if not s.get('read_state_type')}


def mentions(scene, person, channel, count):
    """Words between cells may still be on their way."""
    import time
    deadline = time.monotonic() + 5
    while True:
        state = states(person).get(channel, {'mention_count': 0})
        if state['mention_count'] == count or time.monotonic() > deadline:
            eq(state['mention_count'], count)
            return state
        time.sleep(0.05)


def made(scene, name):
    owner, reader = scene.world.person('own'), scene.world.person('read')
    guild = scene.world.guild(owner, name)
    channel = guild['system_channel_id']
    scene.world.join(reader, owner, channel)
    say = lambda text, who=owner, at=channel, **more: who.rest.post(
        '/channels/%s/messages' % at, dict({'content': text}, **more)).ok(200)['id']
    ack = lambda message, at=channel, **more: reader.rest.post(
        '/channels/%s/messages/%s/ack' % (at, message), dict({'token': None}, **more))
    return owner, reader, guild, channel, say, ack


@step('two sessions of one person hear each other\'s acks, and READY has them')
def _(scene):
    owner, reader, guild, channel, say, ack = made(scene, 'acks')
    one, two = reader.gateway(guilds=False), reader.gateway(guilds=False)
    other = owner.gateway(guilds=False)
    first, second = say('one'), say('two')
    eq(ack(second, last_viewed=4000).ok(200), {'token': None})
    versions = []
    for gateway in (one, two):
        d = gateway.wait('MESSAGE_ACK')['d']
        eq((d['channel_id'], d['message_id'], d['flags'], d['last_viewed']), (channel, second, 1, 4000))
        assert 'manual' not in d
        versions.append(d['version'])
    eq(versions[0], versions[1])
    ack(first).ok(200)  # older, and not manual: nothing
    two.none('MESSAGE_ACK')
    ack(first, manual=True, mention_count=3).ok(200)
    d = two.wait('MESSAGE_ACK', where=lambda d: d['message_id'] == first)['d']
    eq((d['manual'], d['mention_count']), (True, 3))
    assert d['version'] > versions[0]
    other.none('MESSAGE_ACK')
    for gateway in (one, two, other):
        gateway.close()
    for capabilities in (0, VERSIONED):
        state = states(reader, capabilities)[channel]
        eq((state['last_message_id'], state['mention_count'], state['flags']), (first, 3, 1))
    ack(second, mention_count=-1).refused(400, 50035, 'mention_count')


@step('mentions are counted while one is away: by name, of a role, of everyone, as the settings say')
def _(scene):
    owner, reader, guild, channel, say, ack = made(scene, 'away')
    path = '/guilds/' + guild['id']
    role = owner.rest.post(path + '/roles', {'name': 'r', 'mentionable': True}).ok(200)['id']
    name = '<@%s>' % reader.id
    seen = say('hello')
    ack(seen).ok(200)
    say('nobody')
    say('<@&%s> without the role' % role)
    say(name)
    mentions(scene, reader, channel, 1)
    say('@everyone')
    say('@everyone and %s once' % name)
    mentions(scene, reader, channel, 3)
    owner.rest.put('%s/members/%s/roles/%s' % (path, reader.id, role)).ok(204)
    mentions(scene, reader, channel, 4)  # the roles of now
    reader.rest.patch('/users/@me/guilds/%s/settings' % guild['id'], {'suppress_everyone': True}).ok(200)
    mentions(scene, reader, channel, 3)
    reader.rest.patch('/users/@me/guilds/%s/settings' % guild['id'], {'suppress_roles': True}).ok(200)
    mentions(scene, reader, channel, 2)
    hidden = scene.world.channel(owner, guild['id'], 'hidden', permission_overwrites=[
        {'id': guild['id'], 'type': 0, 'deny': str(1 << 10)}])['id']
    reader.rest.patch('/users/@me/guilds/%s/settings' % guild['id'], {'suppress_everyone': False}).ok(200)
    say('@everyone', at=hidden)
    say(name, at=hidden)
    plain = say('the last')
    mentions(scene, reader, channel, 3)
    assert hidden not in states(reader)
    ack(plain).ok(200)
    mentions(scene, reader, channel, 0)
    say('quiet %s' % name, allowed_mentions={'parse': []})
    say(name + ' a bot', at=channel)
    mentions(scene, reader, channel, 1)
    late = scene.world.person('late')
    scene.world.join(late, owner, channel)
    mentions(scene, late, channel, 0)  # what was said before one came
    eq(mentions(scene, owner, channel, 0)['mention_count'], 0)  # who wrote it all


@step('one\'s own message reads the channel, without an event; an ack back brings the client\'s count')
def _(scene):
    owner, reader, guild, channel, say, ack = made(scene, 'own')
    first = say('<@%s>' % reader.id)
    say('@everyone')
    mentions(scene, reader, channel, 2)
    gateway = reader.gateway(guilds=False)
    mine = say('me', reader)
    state = mentions(scene, reader, channel, 0)
    eq(state['last_message_id'], mine)
    gateway.none('MESSAGE_ACK')
    gateway.close()
    ack(first, manual=True, mention_count=1).ok(200)
    mentions(scene, reader, channel, 1)  # not the everyone after it again
    say('@everyone')
    mentions(scene, reader, channel, 2)


@step('each message of a DM counts, until it is muted; of who is blocked none')
def _(scene):
    one, two = scene.world.person('dm_a'), scene.world.person('dm_b')
    guild = scene.world.guild(one, 'meet')
    scene.world.join(two, one, guild['system_channel_id'])
    dm = one.rest.post('/users/@me/channels', {'recipients': [two.id]}).ok(200)['id']
    say = lambda: one.rest.post('/channels/%s/messages' % dm, {'content': 'psst'}).ok(200)['id']
    say()
    say()
    mentions(scene, two, dm, 2)
    two.rest.patch('/users/@me/guilds/0/settings', {'channel_overrides': {dm: {'muted': True}}}).ok(200)
    say()
    mentions(scene, two, dm, 2)
    two.rest.patch('/users/@me/guilds/0/settings', {'channel_overrides': {dm: {'muted': False}}}).ok(200)
    say()
    mentions(scene, two, dm, 3)
    two.rest.post('/channels/%s/messages/%s/ack' % (dm, say()), {}).ok(200)
    mentions(scene, two, dm, 0)
    hall, call = guild['system_channel_id'], {'content': '<@%s>' % two.id}
    one.rest.post('/channels/%s/messages' % hall, call).ok(200)
    mentions(scene, two, hall, 1)
    two.rest.put('/users/@me/relationships/%s' % one.id, {'type': 2}).ok(204)
    one.rest.post('/channels/%s/messages' % hall, call).ok(200)
    one.rest.post('/channels/%s/messages' % hall, {'content': '@everyone'}).ok(200)
    last = one.rest.post('/channels/%s/messages' % hall, {'content': 'x'}).ok(200)['id']
    mentions(scene, two, hall, 1)
    two.rest.post('/channels/%s/messages/%s/ack' % (hall, last), {}).ok(200)
    mentions(scene, two, hall, 0)
    stranger = scene.world.person('dm_c')
    stranger.rest.post('/channels/%s/messages/%s/ack' % (dm, dm), {}).refused(403, 50001)


@step('pins are acked, many channels at once, read states deleted')
def _(scene):
    owner, reader, guild, channel, say, ack = made(scene, 'many')
    other = scene.world.channel(owner, guild['id'], 'other')['id']
    gateway = reader.gateway(guilds=False)
    message = say('pin me')
    owner.rest.put('/channels/%s/messages/pins/%s' % (channel, message)).ok(204)
    reader.rest.post('/channels/%s/pins/ack' % channel).ok(204)
    d = gateway.wait('CHANNEL_PINS_ACK')['d']
    eq(d['channel_id'], channel)
    assert d['timestamp'] and d['version']
    eq(states(reader)[channel]['last_pin_timestamp'], d['timestamp'])
    there = say('x', at=other)
    bulk = lambda *items: reader.rest.post('/read-states/ack-bulk', {'read_states': [
        {'read_state_type': t, 'channel_id': c, 'message_id': m} for t, c, m in items]})
    bulk((0, channel, message), (0, other, there), (0, '1', there)).ok(204)
    heard = {gateway.wait('MESSAGE_ACK')['d']['channel_id'] for _ in range(2)}
    eq(heard, {channel, other})
    eq({c: states(reader)[c]['last_message_id'] for c in (channel, other)}, {channel: message, other: there})
    bulk((9, channel, message)).refused(400, 50035, 'read_states.0.read_state_type')
    drop = lambda at: reader.rest.request('DELETE', '/channels/%s/messages/ack' % at, {'version': 2})
    drop(other).ok(204)
    assert other not in states(reader)
    drop(other).refused(404, 10003)
    gateway.close()


@step('other things than channels: acked by guild and by user, told with the capability')
def _(scene):
    owner, reader, guild, channel, say, ack = made(scene, 'home')
    gateway = reader.gateway(guilds=False)
    reader.rest.post('/guilds/%s/ack/1/%s' % (guild['id'], channel), {'token': None}).ok(200)
    d = gateway.wait('GUILD_FEATURE_ACK')['d']
    eq((d['resource_id'], d['entity_id'], d['ack_type']), (guild['id'], channel, 1))
    reader.rest.post('/users/@me/2/%s/ack' % channel, {}).ok(200)
    d = gateway.wait('USER_NON_CHANNEL_ACK')['d']
    eq((d['entity_id'], d['ack_type']), (channel, 2))
    gateway.close()
    for capabilities, count in ((0, 0), (OTHERS, 2)):
        gateway = reader.gateway(guilds=False, identify={'capabilities': capabilities})
        others = [s for s in gateway.ready['read_state'] if s.get('read_state_type')]
        gateway.close()
        eq(len(others), count)
        assert all(s['last_acked_id'] == channel and s['badge_count'] == 0 for s in others), others
    reader.rest.post('/guilds/%s/ack/2/%s' % (guild['id'], channel), {}).refused(400, 50035, 'read_state_type')
    reader.rest.post('/guilds/%s/ack/1/%s' % (channel, channel), {}).refused(404, 10004)
    reader.rest.post('/users/@me/1/%s/ack' % channel, {}).refused(400, 50035, 'read_state_type')


@step('acks are refused to bots, of what one does not see, of what is not there')
def _(scene):
    owner, reader, guild, channel, say, ack = made(scene, 'shut')
    message = say('x')
    for call in (('POST', '/channels/%s/messages/%s/ack' % (channel, message), {}),
                 ('POST', '/channels/%s/pins/ack' % channel),
                 ('POST', '/read-states/ack-bulk', {'read_states': []}),
                 ('POST', '/guilds/%s/ack/1/%s' % (guild['id'], message), {}),
                 ('POST', '/users/@me/2/%s/ack' % message, {}),
                 ('DELETE', '/channels/%s/messages/ack' % channel, {})):
        scene.bot.rest.request(*call).refused(403, 20001)
    hidden = scene.world.channel(owner, guild['id'], 'hidden', permission_overwrites=[
        {'id': guild['id'], 'type': 0, 'deny': str(1 << 10)}])['id']
    ack(message, at=hidden).refused(403, 50001)
    reader.rest.post('/channels/%s/pins/ack' % hidden).refused(403, 50001)
    scene.world.person('far').rest.post('/channels/%s/messages/%s/ack' % (channel, message), {}).refused(403, 50001)
    ack(message, at='1').refused(404, 10003)
    reader.rest.post('/channels/1/pins/ack').refused(404, 10003)
    assert hidden not in states(reader)
