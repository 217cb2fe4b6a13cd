"""Channels that one may not see: what still comes of them, and nothing else."""

from .base import ALL_INTENTS, eq, step

HIDDEN = {'id': None, 'type': 0, 'allow': '0', 'deny': '1024'}


def weak_bot(scene):
    bot = scene.world.bot(scene.ann, 'weak bot')
    scene.world.add_bot(scene.ann, bot, scene.guild_id, 0)
    return bot


def check_hidden(scene, channel, where):
    eq(channel['name'], '___hidden___', where)
    eq(channel['flags'], 1 << 17, where + ': flags')
    eq(channel['permission_overwrites'], [dict(HIDDEN, id=scene.guild_id)], where + ': overwrites')
    assert not channel.get('topic') and not channel.get('last_message_id'), '%s: %r' % (where, channel)


@step('a hidden channel comes obfuscated, whole when it is shown, obfuscated again when it is taken away')
def _(scene):
    bot = weak_bot(scene)
    channel = scene.channel(topic='secret plans', permission_overwrites=[dict(HIDDEN, id=scene.guild_id)])
    gateway = bot.gateway()
    found = [c for c in gateway.guilds[scene.guild_id]['channels'] if c['id'] == channel]
    assert found, 'not in GUILD_CREATE at all'
    check_hidden(scene, found[0], 'GUILD_CREATE')
    eq(found[0]['type'], 0)
    message = scene.say(scene.ann, 'unseen', channel)
    scene.ann.rest.put('/channels/%s/messages/%s/reactions/%s/@me' % (channel, message['id'], '%F0%9F%91%8D')).ok(204)
    scene.ann.rest.post('/channels/%s/typing' % channel, {}).ok()
    others = gateway.none('MESSAGE_CREATE', where=lambda d: d['channel_id'] == channel)
    eq([p['t'] for p in others if p['op'] == 0 and p['d'].get('channel_id') == channel], [], 'events of a hidden channel')
    listed = bot.rest.get('/guilds/%s/channels' % scene.guild_id).ok(200)
    assert channel not in [c['id'] for c in listed], 'listed by REST'
    scene.ann.rest.put('/channels/%s/permissions/%s' % (channel, bot.id), {'type': 1, 'allow': '1024', 'deny': '0'}).ok(204)
    shown = gateway.wait('CHANNEL_UPDATE', where=lambda d: d['id'] == channel and d['name'] != '___hidden___')['d']
    eq((shown['topic'], shown.get('flags', 0) & 1 << 17), ('secret plans', 0))
    heard = scene.say(scene.ann, 'seen', channel)
    gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == heard['id'])
    scene.ann.rest.delete('/channels/%s/permissions/%s' % (channel, bot.id)).ok(204)
    gone = gateway.wait('CHANNEL_UPDATE', where=lambda d: d['id'] == channel)['d']
    check_hidden(scene, gone, 'CHANNEL_UPDATE')
    unheard = scene.say(scene.ann, 'unseen again', channel)
    gateway.none('MESSAGE_CREATE', where=lambda d: d['id'] == unheard['id'])
    assert not [p for p in gateway.seen if p['t'] == 'CHANNEL_DELETE'], 'CHANNEL_DELETE for a channel that is there'
    gateway.close()


@step('CHANNEL_CREATE and CHANNEL_DELETE of a hidden channel')
def _(scene):
    bot = weak_bot(scene)
    gateway = bot.gateway()
    channel = scene.channel(permission_overwrites=[dict(HIDDEN, id=scene.guild_id)])
    d = gateway.wait('CHANNEL_CREATE', where=lambda d: d['id'] == channel)['d']
    check_hidden(scene, d, 'CHANNEL_CREATE')
    scene.ann.rest.delete('/channels/%s' % channel).ok(200)
    d = gateway.wait('CHANNEL_DELETE', where=lambda d: d['id'] == channel)['d']
    eq(d['name'], '___hidden___')
    gateway.close()


@step('a role that allows shows the channel when it is given, hides it when it is taken')
def _(scene):
    bot = weak_bot(scene)
    role = scene.ann.rest.post('/guilds/%s/roles' % scene.guild_id, {'name': 'key', 'permissions': '0'}).ok(200)['id']
    channel = scene.channel(permission_overwrites=[
        dict(HIDDEN, id=scene.guild_id), {'id': role, 'type': 0, 'allow': '1024', 'deny': '0'}])
    gateway = bot.gateway()
    path = '/guilds/%s/members/%s/roles/%s' % (scene.guild_id, bot.id, role)
    scene.ann.rest.put(path).ok(204)
    gateway.wait('CHANNEL_UPDATE', where=lambda d: d['id'] == channel and d['name'] != '___hidden___')
    message = scene.say(scene.ann, 'with the key', channel)
    gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])
    scene.ann.rest.delete(path).ok(204)
    gateway.wait('CHANNEL_UPDATE', where=lambda d: d['id'] == channel and d['name'] == '___hidden___')
    message = scene.say(scene.ann, 'without', channel)
    gateway.none('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])
    gateway.close()


@step('what was said while one could see is replayed, what came after is not')
def _(scene):
    bot = weak_bot(scene)
    channel = scene.channel()
    gateway = bot.gateway()
    gateway.drop()
    seen = scene.say(scene.ann, 'while visible', channel)
    scene.ann.rest.put('/channels/%s/permissions/%s' % (channel, scene.guild_id),
                       {'type': 0, 'allow': '0', 'deny': '1024'}).ok(204)
    unseen = scene.say(scene.ann, 'while hidden', channel)
    again = scene.gateway()
    again.hello()
    again.resume(bot.token, gateway.session_id, gateway.seq)
    again.wait('RESUMED')
    ids = [p['d']['id'] for p in again.seen if p['t'] == 'MESSAGE_CREATE']
    assert seen['id'] in ids, 'what was published before the loss is missing'
    assert unseen['id'] not in ids, 'a message of a hidden channel was replayed'
    numbers = [p['s'] for p in again.seen if p['op'] == 0]
    eq(numbers, list(range(gateway.seq + 1, gateway.seq + 1 + len(numbers))), 's has no holes')
    again.close()


@step('bans, invites and the audit log reach only who may know')
def _(scene):
    bot = weak_bot(scene)
    weak = bot.gateway(intents=ALL_INTENTS)
    strong = scene.bot.gateway()
    person = scene.world.person('target')
    scene.ann.rest.put('/guilds/%s/bans/%s' % (scene.guild_id, person.id), {}).ok(204)
    strong.wait('GUILD_BAN_ADD', where=lambda d: d['user']['id'] == person.id)
    scene.ann.rest.post('/channels/%s/invites' % scene.hall, {'unique': True}).ok(200)
    strong.wait('INVITE_CREATE')
    others = weak.none('GUILD_BAN_ADD')
    assert not [p['t'] for p in others if p['t'] in ('INVITE_CREATE', 'GUILD_AUDIT_LOG_ENTRY_CREATE')], 'weak bot saw too much'
    for gateway in (weak, strong):
        gateway.close()
