"""Friends, requests, blocks: two people, both their lists, all their sessions."""

import os

from .base import UNKNOWN, eq, step

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
