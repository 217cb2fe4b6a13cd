"""Member lists of people's clients: op 14 and 37, GUILD_MEMBER_LIST_UPDATE, as a client keeps them."""

from .base import eq, step

SUBSCRIBE, SUBSCRIBE_BULK = 14, 37
HOIST = {'name': 'captains', 'hoist': True}


class List:
    """What a client knows of one list: built from nothing but what came."""

    def __init__(self):
        self.rows, self.groups, self.counts = {}, [], (0, 0)

    def apply(self, d):
        self.groups = [(g['id'], g['count']) for g in d['groups']]
        self.counts = (d['member_count'], d['online_count'])
        for op in d['ops']:
            getattr(self, op['op'].lower())(op)

    def sync(self, op):
        low, high = op['range']
        eq(high - low, 99, 'a range')
        for at in range(low, high + 1):
            self.rows.pop(at, None)
        for at, item in enumerate(op['items']):
            self.rows[low + at] = item

    def invalidate(self, op):
        low, high = op['range']
        for at in range(low, high + 1):
            self.rows.pop(at, None)

    def insert(self, op):
        self.rows = {at + (at >= op['index']): row for at, row in self.rows.items()}
        self.rows[op['index']] = op['item']

    def update(self, op):
        assert op['index'] in self.rows, 'an update of a row that is not there'
        self.rows[op['index']] = op['item']

    def delete(self, op):
        self.rows.pop(op['index'], None)
        self.rows = {at - (at > op['index']): row for at, row in self.rows.items()}

    def show(self):
        """['online', id, id, ...] from row 0 on."""
        shown = []
        for at in range(len(self.rows)):
            row = self.rows[at]
            shown.append(row['group']['id'] if 'group' in row else row['member']['user']['id'])
        return shown


class Watcher:
    def __init__(self, person, guild_id):
        self.gateway, self.guild_id, self.lists = person.gateway(v=9, guilds=False), guild_id, {}

    def ask(self, channel, *ranges, **more):
        self.gateway.send(SUBSCRIBE, dict({'guild_id': self.guild_id, 'typing': True,
                                           'channels': {channel: list(ranges)}}, **more))

    def next(self):
        d = self.gateway.wait('GUILD_MEMBER_LIST_UPDATE')['d']
        eq(d['guild_id'], self.guild_id)
        self.lists.setdefault(d['id'], List()).apply(d)
        return d

    def until(self, list_id, rows):
        """Takes updates until the list looks like this."""
        for _ in range(20):
            if list_id in self.lists and self.lists[list_id].show() == rows:
                return
            try:
                self.next()
            except AssertionError:
                break
        eq(self.lists[list_id].show() if list_id in self.lists else None, rows, 'the list ' + list_id)

    def close(self):
        self.gateway.close()


def in_order(*people):
    return [p.id for p in sorted(people, key=lambda p: p.name)]


class Crew:
    """A guild of its own for a step."""

    def __init__(self, scene, *names):
        self.owner = scene.world.person('owner')
        self.guild = scene.world.guild(self.owner, 'lists')
        self.id, self.hall = self.guild['id'], self.guild['system_channel_id']
        self.people = [scene.world.person(name) for name in names]
        for person in self.people:
            scene.world.join(person, self.owner, self.hall)

    def route(self, path, person=None):
        return '/guilds/%s%s%s' % (self.id, path, person.id if person else '')


@step('a member list: who is there, who is not, and how that changes')
def _(scene):
    crew = Crew(scene, 'ada', 'bea')
    ada, bea = crew.people
    watcher = Watcher(crew.owner, crew.id)
    watcher.ask(crew.hall, [0, 99])
    watcher.next()
    watcher.until('everyone', ['online', crew.owner.id, 'offline'] + in_order(ada, bea))
    eq(watcher.lists['everyone'].groups, [('online', 1), ('offline', 2)])
    row = watcher.lists['everyone'].rows[1]['member']
    eq((row['presence']['status'], row['presence']['user']['id']), ('online', crew.owner.id))
    eq(watcher.lists['everyone'].rows[3]['member']['presence']['status'], 'offline')

    session = ada.gateway(v=9, guilds=False)
    watcher.until('everyone', ['online'] + in_order(ada, crew.owner) + ['offline', bea.id])
    eq(watcher.lists['everyone'].counts, (3, 2))
    session.send(3, {'since': 0, 'afk': False, 'status': 'idle', 'activities': [{'name': 'chess', 'type': 0}]})
    update = watcher.next()
    eq([op['op'] for op in update['ops']], ['UPDATE'])
    eq(update['ops'][0]['item']['member']['presence']['activities'][0]['name'], 'chess')
    session.send(3, {'since': 0, 'afk': False, 'status': 'invisible', 'activities': []})
    watcher.until('everyone', ['online', crew.owner.id, 'offline'] + in_order(ada, bea))
    eq(watcher.lists['everyone'].counts, (3, 1))
    session.close()

    crew.owner.rest.patch(crew.route('/members/', bea), {'nick': '000'}).ok(200)
    watcher.until('everyone', ['online', crew.owner.id, 'offline', bea.id, ada.id])
    eq(watcher.lists['everyone'].rows[3]['member']['nick'], '000')
    cyd = scene.world.person('cyd')
    scene.world.join(cyd, crew.owner, crew.hall)
    watcher.until('everyone', ['online', crew.owner.id, 'offline', bea.id, ada.id, cyd.id])
    crew.owner.rest.delete(crew.route('/members/', ada)).ok(204)
    watcher.until('everyone', ['online', crew.owner.id, 'offline', bea.id, cyd.id])
    watcher.close()


@step('a member list: hoisted roles have groups of their own')
def _(scene):
    crew = Crew(scene, 'ada')
    ada, = crew.people
    role = crew.owner.rest.post(crew.route('/roles'), HOIST).ok(200)['id']
    session = ada.gateway(v=9, guilds=False)
    watcher = Watcher(crew.owner, crew.id)
    watcher.ask(crew.hall, [0, 99])
    watcher.until('everyone', ['online'] + in_order(ada, crew.owner))
    crew.owner.rest.put(crew.route('/members/', ada) + '/roles/' + role).ok(204)
    watcher.until('everyone', [role, ada.id, 'online', crew.owner.id])
    other = crew.owner.rest.post(crew.route('/roles'), dict(HOIST, name='mates')).ok(200)['id']
    crew.owner.rest.put(crew.route('/members/', crew.owner) + '/roles/' + other).ok(204)
    watcher.until('everyone', [role, ada.id, other, crew.owner.id])
    crew.owner.rest.patch(crew.route('/roles'), [{'id': other, 'position': 2}]).ok(200)
    watcher.until('everyone', [other, crew.owner.id, role, ada.id])
    crew.owner.rest.patch(crew.route('/roles/' + role), {'hoist': False}).ok(200)
    watcher.until('everyone', [other, crew.owner.id, 'online', ada.id])
    crew.owner.rest.delete(crew.route('/roles/' + other)).ok(204)
    watcher.until('everyone', ['online'] + in_order(ada, crew.owner))
    session.close()
    watcher.close()


@step('a member list: only who sees the channel is in it, and its name says so')
def _(scene):
    crew = Crew(scene, 'ada', 'bea')
    ada, bea = crew.people
    den = scene.world.channel(crew.owner, crew.id, 'den', permission_overwrites=[
        {'id': crew.id, 'type': 0, 'deny': '1024'}, {'id': ada.id, 'type': 1, 'allow': '1024'}])['id']
    watcher = Watcher(crew.owner, crew.id)
    watcher.ask(den, [0, 99])
    first = watcher.next()
    assert first['id'].isdigit(), first['id']
    watcher.until(first['id'], ['online', crew.owner.id, 'offline', ada.id])
    # Another channel beside it: two lists at once.
    watcher.ask(crew.hall, [0, 99])
    watcher.until('everyone', ['online', crew.owner.id, 'offline'] + in_order(ada, bea))
    # The channel gets another list; the old one is over.
    crew.owner.rest.put('/channels/%s/permissions/%s' % (den, bea.id), {'type': 1, 'allow': '1024'}).ok(204)
    second = watcher.next()
    while second['id'] in ('everyone', first['id']):
        second = watcher.next()
    watcher.until(second['id'], ['online', crew.owner.id, 'offline'] + in_order(ada, bea))
    watcher.until(first['id'], [])
    # Who may not see a channel has no list of it, and loses it with the sight.
    eyes = Watcher(ada, crew.id)
    eyes.ask(den, [0, 99])
    eyes.next()
    crew.owner.rest.delete('/channels/%s/permissions/%s' % (den, ada.id)).ok(204)
    eyes.until(second['id'], [])
    eyes.ask(den, [0, 99])
    eyes.gateway.none('GUILD_MEMBER_LIST_UPDATE')
    eyes.close()
    watcher.close()


@step('a member list: op 37, wrong ranges, and an end')
def _(scene):
    crew = Crew(scene, 'ada')
    watcher = Watcher(crew.owner, crew.id)
    watcher.gateway.send(SUBSCRIBE_BULK, {'subscriptions': {crew.id: {
        'typing': True, 'channels': {crew.hall: [[0, 99], [5, 50], [100, 199]]}}}})
    d = watcher.next()
    eq([(op['op'], op['range']) for op in d['ops']], [('SYNC', [0, 99]), ('SYNC', [100, 199])])
    watcher.ask(crew.hall, [0, 99])
    d = watcher.next()
    eq([(op['op'], op['range']) for op in d['ops']], [('INVALIDATE', [100, 199])])
    # Asked once more it is answered once more: a client that lost its way asks again.
    watcher.ask(crew.hall, [0, 99])
    eq([op['op'] for op in watcher.next()['ops']], ['SYNC'])
    watcher.gateway.send(SUBSCRIBE, {'guild_id': crew.id, 'channels': {}})
    eq([op['op'] for op in watcher.next()['ops']], ['INVALIDATE'])
    session = crew.people[0].gateway(v=9, guilds=False)
    watcher.gateway.none('GUILD_MEMBER_LIST_UPDATE')
    session.close()
    watcher.close()
