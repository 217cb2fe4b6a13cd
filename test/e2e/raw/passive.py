"""What a person's session is told of a guild that it has not opened (op 14, 37), small or large."""

from .base import eq, step

SMALL = 25  # the least large_threshold


def post(person, channel, content, **more):
    return person.rest.post('/channels/%s/messages' % channel, dict({'content': content}, **more)).ok(200)


def gets(gateway, message):
    gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])


class Town:
    """A guild of one more member than a small one has."""

    def __init__(self, scene):
        self.owner = scene.world.person('owner')
        self.guild = scene.world.guild(self.owner, 'town')
        self.id, self.hall = self.guild['id'], self.guild['system_channel_id']
        code = self.owner.rest.post('/channels/%s/invites' % self.hall, {'unique': True, 'max_uses': 0}).ok(200)['code']
        self.people = [scene.world.person('p%02d' % i) for i in range(SMALL)]
        for person in self.people:
            person.rest.post('/invites/%s' % code, {}).ok(200)

    def session(self, person, **more):
        return person.gateway(v=9, guilds=False, identify=dict({'large_threshold': SMALL}, **more))


@step('an unopened large guild: only what concerns one, and now and then what is unread', aside=True)
def _(scene):
    town = Town(scene)
    ada, bea, cyd, dan = town.people[:4]
    role = town.owner.rest.post('/guilds/%s/roles' % town.id, {'name': 'crew', 'mentionable': True}).ok(200)['id']
    town.owner.rest.put('/guilds/%s/members/%s/roles/%s' % (town.id, bea.id, role)).ok(204)
    den = scene.world.channel(town.owner, town.id, 'den', permission_overwrites=[
        {'id': town.id, 'type': 0, 'deny': '1024'}, {'id': bea.id, 'type': 1, 'allow': '1024'}])['id']
    none, v1, v2 = town.session(ada), town.session(bea, capabilities=1 << 11), town.session(cyd, capabilities=1 << 11 | 1 << 14)
    opened = town.session(dan)
    opened.send(14, {'guild_id': town.id, 'typing': True})
    everybody = town.owner.gateway(v=9, guilds=False, identify={'large_threshold': 250})
    opened.send(8, {'guild_id': town.id, 'user_ids': [ada.id]})
    opened.wait('GUILD_MEMBERS_CHUNK')

    first = post(town.owner, town.hall, 'hear ye')
    gets(opened, first)
    gets(everybody, first)
    secret = post(town.owner, den, 'psst')
    town.owner.rest.put('/channels/%s/pins/%s' % (town.hall, first['id'])).ok(204)
    own = post(ada, town.hall, 'says ada')
    to_ada = post(town.owner, town.hall, '<@%s>' % ada.id)
    gets(none, to_ada)
    to_crew = post(town.owner, town.hall, '<@&%s>' % role)
    gets(v1, to_crew)
    answer = post(town.owner, town.hall, 'indeed', message_reference={'message_id': own['id']},
                  allowed_mentions={'replied_user': False})
    gets(none, answer)
    loud = post(town.owner, town.hall, '@everyone')
    for gateway in (none, v1, v2):
        gets(gateway, loud)
        came = [p['d']['id'] for p in gateway.seen if p['t'] == 'MESSAGE_CREATE']
        eq(came, {none: [to_ada['id'], answer['id'], loud['id']], v1: [to_crew['id'], loud['id']], v2: [loud['id']]}[gateway])
        assert not [p for p in gateway.seen if p['t'] in ('CHANNEL_PINS_UPDATE', 'MESSAGE_UPDATE')], 'a pin in an unopened guild'
    opened.wait('CHANNEL_PINS_UPDATE')
    # Who opens it is told what it has missed at once, and gets all from then on.
    late = town.session(town.people[5])
    late.send(14, {'guild_id': town.id, 'typing': True})
    d = late.wait('CHANNEL_UNREAD_UPDATE')['d']
    eq([(c['id'], c['last_message_id']) for c in d['channel_unread_updates'] if c['id'] == town.hall], [(town.hall, loud['id'])])
    more = post(town.owner, town.hall, 'more')
    gets(late, more)

    d = none.wait('CHANNEL_UNREAD_UPDATE', timeout=35)['d']
    eq((d['guild_id'], [c['id'] for c in d['channel_unread_updates']]), (town.id, [town.hall]))
    eq(d['channel_unread_updates'][0]['last_message_id'], more['id'])
    assert d['channel_unread_updates'][0]['last_pin_timestamp']
    d = v1.wait('PASSIVE_UPDATE_V1')['d']
    eq({c['id']: c['last_message_id'] for c in d['channels']}, {town.hall: more['id'], den: secret['id']})
    d = v2.wait('PASSIVE_UPDATE_V2')['d']
    eq((d['guild_id'], [c['id'] for c in d['updated_channels']]), (town.id, [town.hall]))
    eq((d['updated_voice_states'], d['removed_voice_states'], d['updated_members']), ([], [], []))
    for gateway in (opened, late, everybody):
        assert not [p for p in gateway.none(timeout=0.3, where=lambda d: False) if p['t'].startswith(('PASSIVE', 'CHANNEL_UNREAD'))][1:]
    # Stateful events come to all; and with one member less the guild is a small one.
    town.owner.rest.patch('/channels/%s' % town.hall, {'topic': 'news'}).ok(200)
    none.wait('CHANNEL_UPDATE')
    town.people[-1].rest.delete('/users/@me/guilds/%s' % town.id).ok(204)
    last = post(town.owner, town.hall, 'farewell')
    for gateway in (none, v1, v2):
        gets(gateway, last)
    for gateway in (none, v1, v2, opened, late, everybody):
        gateway.close()


@step('an unopened small guild: its messages, but not who types or who comes')
def _(scene):
    owner, ada, bea = (scene.world.person(name) for name in ('owner', 'ada', 'bea'))
    guild = scene.world.guild(owner, 'village')
    guild_id, hall = guild['id'], guild['system_channel_id']
    scene.world.join(ada, owner, hall)
    one, two = owner.gateway(v=9, guilds=False), ada.gateway(v=9, guilds=False)
    members = '/guilds/%s/members/' % guild_id

    def sync():
        for gateway, person in ((one, owner), (two, ada)):
            gateway.send(8, {'guild_id': guild_id, 'user_ids': [person.id]})
            gateway.wait('GUILD_MEMBERS_CHUNK')

    def seen(gateway, event):
        return [p for p in gateway.seen if p['t'] == event]
    scene.world.join(bea, owner, hall)
    message = post(ada, hall, 'hello')
    gets(one, message)
    gets(two, message)
    ada.rest.post('/channels/%s/typing' % hall).ok(204)
    owner.rest.patch(members + bea.id, {'nick': 'busy bee'}).ok(200)
    sync()
    for event in ('GUILD_MEMBER_ADD', 'TYPING_START'):
        eq((len(seen(one, event)), len(seen(two, event))), (0, 0), event)
    # One's own act, and oneself.
    eq((len(seen(one, 'GUILD_MEMBER_UPDATE')), len(seen(two, 'GUILD_MEMBER_UPDATE'))), (1, 0))
    owner.rest.patch(members + ada.id, {'nick': 'the first'}).ok(200)
    sync()
    eq((len(seen(one, 'GUILD_MEMBER_UPDATE')), len(seen(two, 'GUILD_MEMBER_UPDATE'))), (2, 1))
    # Asked for.
    two.send(14, {'guild_id': guild_id, 'typing': True, 'members': [bea.id]})
    sync()
    owner.rest.post('/channels/%s/typing' % hall).ok(204)
    two.wait('TYPING_START')
    owner.rest.patch(members + bea.id, {'nick': 'bee'}).ok(200)
    eq(two.wait('GUILD_MEMBER_UPDATE')['d']['nick'], 'bee')
    two.send(14, {'guild_id': guild_id, 'member_updates': True, 'members': []})
    sync()
    cyd = scene.world.person('cyd')
    scene.world.join(cyd, owner, hall)
    eq(two.wait('GUILD_MEMBER_ADD')['d']['user']['id'], cyd.id)
    owner.rest.delete(members + cyd.id).ok(204)
    eq(two.wait('GUILD_MEMBER_REMOVE')['d']['user']['id'], cyd.id)
    one.wait('GUILD_MEMBER_REMOVE')
    one.close()
    two.close()
