"""Friends, requests, blocks: two people, both their lists, all their sessions."""

import os
import threading

from .base import UNKNOWN, eq, step
from .stage import say, silent, told

NONE, FRIEND, BLOCKED, INCOMING, OUTGOING = range(5)
HERE = '/users/@me/relationships'


def ask(one, two, **more):
    return one.rest.put('%s/%s' % (HERE, two.id), more)


def block(one, two):
    return ask(one, two, type=2)


def end(one, two):
    return one.rest.delete('%s/%s' % (HERE, two.id))


def listed(person):
    return {r['id']: r['type'] for r in person.rest.get(HERE).ok(200)}


def hears(gateway, name, person, **wanted):
    d = gateway.wait(name, where=lambda d: d['id'] == person.id)['d']
    eq({key: d[key] for key in wanted}, wanted)
    return d


def befriend(one, two):
    ask(one, two).ok(204)
    ask(two, one).ok(204)


def people(scene, *names):
    return [scene.world.person(name) for name in names]


def together(*acts):
    failures = []

    def run(act):
        try:
            act()
        except Exception as error:  # noqa: BLE001: told by the step's own thread
            failures.append(error)
    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def in_order(scene, first):
    """Two people; who has the smaller id acts first, or last: what both are is decided where the smaller id lives."""
    pair = people(scene, 'rel', 'rel')
    return pair if first else pair[::-1]


@step('relationships: asked by name, accepted, ended, in both directions, at all sessions')
def _(scene):
    for first in (True, False):
        one, two = in_order(scene, first)
        mine, also = one.gateway(guilds=False), one.gateway(guilds=False)
        theirs = two.gateway(guilds=False)
        one.rest.post(HERE, {'username': two.name.upper(), 'discriminator': None, 'note': 'it is me'}).ok(204)
        for gateway in (mine, also):
            d = hears(gateway, 'RELATIONSHIP_ADD', two, type=OUTGOING, should_notify=False)
            eq((d['user']['username'], d['user_ignored'], d['nickname']), (two.name, False, None))
        hears(theirs, 'RELATIONSHIP_ADD', one, type=INCOMING, should_notify=True, note='it is me')
        eq((listed(one), listed(two)), ({two.id: OUTGOING}, {one.id: INCOMING}))
        ask(one, two).ok(204)  # once more changes nothing
        ask(two, one).ok(204)
        hears(theirs, 'RELATIONSHIP_ADD', one, type=FRIEND, should_notify=False)
        for gateway in (mine, also):
            assert hears(gateway, 'RELATIONSHIP_ADD', two, type=FRIEND, should_notify=True)['since']
        ask(one, two).refused(400, 80007)
        ask(two, one, type=1).refused(400, 80007)
        end(one, two).ok(204)
        for gateway in (mine, also):
            hears(gateway, 'RELATIONSHIP_REMOVE', two, type=FRIEND, nickname=None)
        hears(theirs, 'RELATIONSHIP_REMOVE', one, type=FRIEND)
        eq((listed(one), listed(two)), ({}, {}))
        end(one, two).refused(404, 10013)
        for gateway in (mine, also, theirs):
            gateway.close()


@step('relationships: a request is taken back, or refused')
def _(scene):
    for first in (True, False):
        one, two = in_order(scene, first)
        theirs = two.gateway(guilds=False)
        ask(one, two).ok(204)
        end(one, two).ok(204)
        hears(theirs, 'RELATIONSHIP_REMOVE', one, type=INCOMING)
        eq((listed(one), listed(two)), ({}, {}))
        mine = one.gateway(guilds=False)
        ask(one, two).ok(204)
        end(two, one).ok(204)
        hears(mine, 'RELATIONSHIP_REMOVE', two, type=OUTGOING)
        eq((listed(one), listed(two)), ({}, {}))
        mine.close()
        theirs.close()


@step('relationships: a block ends the friendship, shows to the blocker only, and outlives what the other does')
def _(scene):
    for first in (True, False):
        one, two = in_order(scene, first)
        befriend(one, two)
        mine, theirs = one.gateway(guilds=False), two.gateway(guilds=False)
        block(one, two).ok(204)
        hears(mine, 'RELATIONSHIP_ADD', two, type=BLOCKED)
        hears(theirs, 'RELATIONSHIP_REMOVE', one, type=FRIEND)
        eq((listed(one), listed(two)), ({two.id: BLOCKED}, {}))
        ask(two, one).refused(400, 80000)
        end(two, one).refused(404, 10013)
        block(two, one).ok(204)
        end(two, one).ok(204)
        eq((listed(one), listed(two)), ({two.id: BLOCKED}, {}))
        ask(two, one).refused(400, 80000)
        end(one, two).ok(204)
        hears(mine, 'RELATIONSHIP_REMOVE', two, type=BLOCKED)
        befriend(two, one)
        eq((listed(one), listed(two)), ({two.id: FRIEND}, {one.id: FRIEND}))
        mine.close()
        theirs.close()


@step('relationships: nicknames, and whom one ignores')
def _(scene):
    one, two, three = people(scene, 'rel', 'rel', 'rel')
    befriend(one, two)
    mine = one.gateway(guilds=False)
    nick = lambda person, **body: one.rest.patch('%s/%s' % (HERE, person.id), body)
    nick(two, nickname='Twoie').ok(204)
    hears(mine, 'RELATIONSHIP_UPDATE', two, nickname='Twoie', type=FRIEND)
    eq([r['nickname'] for r in one.rest.get(HERE).ok(200)], ['Twoie'])
    eq([r['nickname'] for r in two.rest.get(HERE).ok(200)], [None])
    nick(two, nickname=None).ok(204)
    hears(mine, 'RELATIONSHIP_UPDATE', two, nickname=None)
    nick(two, nickname='x' * 33).refused(400, 50035, 'nickname')
    nick(three, nickname='x').refused(404, 10013)
    ignore = lambda person: one.rest.put('%s/%s/ignore' % (HERE, person.id), {})
    unignore = lambda person: one.rest.delete('%s/%s/ignore' % (HERE, person.id))
    ignore(two).ok(204)
    hears(mine, 'RELATIONSHIP_UPDATE', two, user_ignored=True, type=FRIEND)
    ignore(three).ok(204)
    hears(mine, 'RELATIONSHIP_ADD', three, user_ignored=True, type=NONE)
    eq(listed(one), {two.id: FRIEND, three.id: NONE})
    eq(listed(three), {})
    unignore(three).ok(204)
    hears(mine, 'RELATIONSHIP_REMOVE', three, type=NONE)
    unignore(two).ok(204)
    hears(mine, 'RELATIONSHIP_UPDATE', two, user_ignored=False)
    unignore(two).refused(404, 10013)
    one.rest.put('%s/%s/ignore' % (HERE, UNKNOWN), {}).refused(404, 10013)
    eq(listed(one), {two.id: FRIEND})
    mine.close()


@step('relationships: refusals')
def _(scene):
    one, two = people(scene, 'rel', 'rel')
    name = lambda text: one.rest.post(HERE, {'username': text, 'discriminator': None})
    name('nobody_' + os.urandom(3).hex()).refused(400, 80004)
    name('no name at all!').refused(400, 80004)
    name(one.name).refused(400, 80003)
    one.rest.post(HERE, {}).refused(400, 50035, 'username', 'BASE_TYPE_REQUIRED')
    ask(one, one).refused(400, 80003)
    ask(one, scene.bot).refused(400, 80001)
    ask(one, two, type=4).refused(400, 50035, 'type', 'BASE_TYPE_CHOICES')
    block(one, one).refused(404, 10013)
    one.rest.put('%s/%s' % (HERE, UNKNOWN), {}).refused(404, 10013)
    one.rest.delete('%s/%s' % (HERE, UNKNOWN)).refused(404, 10013)
    eq(scene.bot.rest.get(HERE).status, 403)
    # Who may ask: with one thing in common, and with nothing.
    two.rest.patch('/users/@me/settings', {'friend_source_flags': {'all': False, 'mutual_guilds': True}}).ok(200)
    ask(one, two).refused(400, 80000)
    guild = scene.world.guild(one, 'meeting')
    scene.world.join(two, one, guild['system_channel_id'])
    ask(one, two).ok(204)
    end(one, two).ok(204)
    two.rest.patch('/users/@me/settings', {'friend_source_flags': {'all': False}}).ok(200)
    ask(one, two).refused(400, 80000)
    befriend(two, one)  # one's own request is answered whatever one's settings say
    eq(listed(two), {one.id: FRIEND})


@step('READY tells of relationships, each user once')
def _(scene):
    one, two, three = people(scene, 'rel', 'rel', 'rel')
    befriend(one, two)
    ask(three, one).ok(204)
    dm = one.rest.post('/users/@me/channels', {'recipients': [two.id]}).ok(200)['id']
    plain = one.gateway(guilds=False)
    eq({r['id']: (r['type'], r['user']['username']) for r in plain.ready['relationships']},
       {two.id: (FRIEND, two.name), three.id: (INCOMING, three.name)})
    plain.close()
    brief = one.gateway(guilds=False, identify={'capabilities': 1 << 4})
    eq({r['user_id']: (r['id'], r['type'], 'user' in r) for r in brief.ready['relationships']},
       {two.id: (two.id, FRIEND, False), three.id: (three.id, INCOMING, False)})
    eq(sorted(u['id'] for u in brief.ready['users'] if u['id'] != one.id), sorted([two.id, three.id]))
    eq([c['recipient_ids'] for c in brief.ready['private_channels'] if c['id'] == dm], [[two.id]])
    brief.close()


GRACE = 10
LATER = {'capabilities': 1 << 5}  # READY_SUPPLEMENTAL


def statuses(presences):
    return {p.get('user_id') or p['user']['id']: p['status'] for p in presences}


def supplemental(gateway):
    return statuses(gateway.wait('READY_SUPPLEMENTAL')['d']['merged_presences']['friends'])


def alone(d):
    assert 'guild_id' not in d, 'a presence of a guild'
    return d


@step('friends\' presence: online, idle, invisible, on several cores, and nobody else is told')
def _(scene):
    for first in (True, False):
        one, two = in_order(scene, first)
        three, = people(scene, 'rel')
        befriend(one, two)
        ask(three, one).ok(204)
        block(three, two).ok(204)
        strange = three.gateway(guilds=False)
        eyes = [two.gateway(guilds=False, identify=LATER) for _ in range(4)]
        for gateway in eyes:
            eq(supplemental(gateway), {})
        eq(two.gateway(guilds=False).ready['presences'], [])
        web = one.gateway(v=9, guilds=False, identify={'properties': {'os': 'Windows', 'browser': 'Chrome', 'device': ''}})
        eq(statuses(web.ready['presences']), {two.id: 'online'})
        for gateway in eyes:
            d = alone(told(gateway, one))
            eq((d['status'], d['client_status'], d['activities']), ('online', {'web': 'online'}, []))
        say(web, 'idle', {'name': 'chess', 'type': 0})
        for gateway in eyes:
            d = told(gateway, one)
            eq((d['status'], d['activities'][0]['name']), ('idle', 'chess'))
        late = two.gateway(guilds=False, identify=LATER)
        eq(supplemental(late), {one.id: 'idle'})
        say(web, 'invisible')
        for gateway in eyes + [late]:
            d = told(gateway, one)
            eq((d['status'], d['client_status'], d['activities']), ('offline', {}, []))
        later = two.gateway(guilds=False, identify=LATER)
        eq(supplemental(later), {})
        say(web, 'dnd')
        eq([told(gateway, one)['status'] for gateway in eyes], ['dnd'] * 4)
        silent(strange, one)
        for gateway in eyes + [late, later, web, strange]:
            gateway.close()


@step('friends\' presence: it begins with the friendship, and ends at once with it or with a block')
def _(scene):
    for last in (end, block):
        for first in (True, False):
            one, two = in_order(scene, first)
            mine, theirs = one.gateway(guilds=False), two.gateway(guilds=False)
            ask(one, two).ok(204)
            say(mine, 'idle')
            silent(theirs, one, timeout=0.3)
            ask(two, one).ok(204)
            eq((told(theirs, one)['status'], told(mine, two)['status']), ('idle', 'online'))
            last(one, two).ok(204)
            say(mine, 'dnd')
            say(theirs, 'dnd')
            silent(theirs, one, timeout=0.4)
            silent(mine, two, timeout=0.4)
            again = two.gateway(guilds=False, identify=LATER)
            eq(supplemental(again), {})
            for gateway in (mine, theirs, again):
                gateway.close()


@step('friends\' presence: who goes is gone after the grace, who comes back is there', aside=True)
def _(scene):
    one, two = people(scene, 'rel', 'rel')
    befriend(one, two)
    eyes, mine = two.gateway(guilds=False), one.gateway(guilds=False)
    eq(told(eyes, one)['status'], 'online')
    mine.close()
    silent(eyes, one)
    eq(told(eyes, one, timeout=GRACE + 5)['status'], 'offline')
    mine = one.gateway(guilds=False)
    eq(told(eyes, one)['status'], 'online')
    # Who watched, and left, and watches again.
    eyes.close()
    say(mine, 'idle')
    eyes = two.gateway(guilds=False, identify=LATER)
    eq(supplemental(eyes), {one.id: 'idle'})
    say(mine, 'dnd')
    eq(told(eyes, one)['status'], 'dnd')
    for gateway in (eyes, mine):
        gateway.close()


@step('friends write to each other, those who are blocked do not, and both change at once')
def _(scene):
    for first in (True, False):
        one, two = in_order(scene, first)
        dm = one.rest.post('/users/@me/channels', {'recipients': [two.id]}).ok(200)['id']
        write = lambda who: who.rest.post('/channels/%s/messages' % dm, {'content': 'hello'})
        write(one).refused(403, 50278)
        befriend(one, two)
        write(one).ok(200)
        write(two).ok(200)
        block(one, two).ok(204)
        write(two).refused(403, 50007)
        write(one).refused(403, 50007)
        end(one, two).ok(204)
        write(two).refused(403, 50278)
        befriend(two, one)
        write(two).ok(200)
        end(two, one).ok(204)
        write(one).refused(403, 50278)
        guild = scene.world.guild(one, 'meeting')
        scene.world.join(two, one, guild['system_channel_id'])
        write(one).ok(200)
        block(two, one).ok(204)
        write(one).refused(403, 50007)
        # In guilds all is as before.
        scene.say(one, 'still here', guild['system_channel_id'])


@step('a profile shows friends in common, and friends see each other\'s')
def _(scene):
    one, two, three, four = people(scene, 'rel', 'rel', 'rel', 'rel')
    profile = lambda who, of: who.rest.get('/users/%s/profile?with_mutual_friends=true&with_mutual_friends_count=true' % of.id)
    profile(one, two).refused(404, 10013)
    for other in (two, three, four):
        befriend(one, other)
    befriend(two, three)
    body = profile(one, two).ok(200)
    eq(([u['username'] for u in body['mutual_friends']], body['mutual_friends_count']), ([three.name], 1))
    eq(profile(four, one).ok(200)['mutual_friends'], [])
    profile(four, two).refused(404, 10013)


@step('relationships: requests that cross, and acts at the same time, leave sides that fit')
def _(scene):
    fits = {(NONE, NONE), (FRIEND, FRIEND), (INCOMING, OUTGOING), (OUTGOING, INCOMING), (BLOCKED, NONE), (NONE, BLOCKED), (BLOCKED, BLOCKED)}
    for _ in range(6):
        one, two = people(scene, 'rel', 'rel')
        together(lambda: ask(one, two).ok(204), lambda: ask(two, one).ok(204))
        eq((listed(one), listed(two)), ({two.id: FRIEND}, {one.id: FRIEND}))
    # A person's calls go over one connection: what crosses is the two people's.
    for mine, theirs in ((end, ask), (block, ask), (end, block), (end, end), (block, block)):
        one, two = people(scene, 'rel', 'rel')
        ask(one, two).ok(204)
        together(lambda: mine(one, two), lambda: theirs(two, one))
        both = listed(one).get(two.id, NONE), listed(two).get(one.id, NONE)
        assert both in fits, both
