"""Threads over the gateway: whom their events reach, what a session is told when it comes, when a channel comes into its
sight, and when a person's client asks."""

from .base import ALL_INTENTS, eq, step
from .hidden import HIDDEN, weak_bot

MEMBERS = 1 << 1
PUBLIC, PRIVATE = 11, 12


def make(who, channel, name, kind=PUBLIC, **more):
    return who.rest.post('/channels/%s/threads' % channel, dict({'name': name, 'type': kind}, **more)).ok(201)


def of(gateway, thread):
    """Types of the events about @thread that came."""
    return [p['t'] for p in gateway.seen if p['op'] == 0 and thread in (
        p['d'].get('id'), p['d'].get('channel_id'))]


def shown(gateway, scene):
    return {t['id']: t for t in gateway.guilds[scene.guild_id]['threads']}


@step('a private thread: only its members and who holds MANAGE_THREADS hear anything of it')
def _(scene):
    weak, eve = weak_bot(scene), weak_bot(scene)
    channel = scene.channel()
    inside, outside, admin = weak.gateway(), eve.gateway(), scene.bot.gateway()
    thread = make(weak, channel, 'quiet', PRIVATE)['id']
    d = admin.wait('THREAD_CREATE', where=lambda d: d['id'] == thread)['d']
    eq((d['newly_created'], d['type'], 'member' in d), (True, PRIVATE, False))
    inside.wait('THREAD_CREATE', where=lambda d: d['id'] == thread)
    inside.wait('THREAD_MEMBERS_UPDATE', where=lambda d: d['added_members'][0]['user_id'] == weak.id)
    said = scene.say(weak, 'psst', thread)
    for gateway in (inside, admin):
        gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == said['id'])
    weak.rest.put('/channels/%s/messages/%s/reactions/%%F0%%9F%%91%%8D/@me' % (thread, said['id'])).ok(204)
    weak.rest.post('/channels/%s/typing' % thread, {}).ok()
    weak.rest.patch('/channels/%s' % thread, {'name': 'quieter'}).ok(200)
    outside.none('THREAD_UPDATE', where=lambda d: d['id'] == thread)
    eq(of(outside, thread), [], 'events of a private thread')
    # Brought in: it is new to her; then she hears all.
    weak.rest.put('/channels/%s/thread-members/%s' % (thread, eve.id)).ok(204)
    d = outside.wait('THREAD_CREATE', where=lambda d: d['id'] == thread)['d']
    eq((d['name'], d['member']['user_id'], d.get('newly_created')), ('quieter', eve.id, None))
    outside.wait('THREAD_MEMBERS_UPDATE', where=lambda d: d['id'] == thread)
    heard = scene.say(weak, 'welcome', thread)
    outside.wait('MESSAGE_CREATE', where=lambda d: d['id'] == heard['id'])
    # Put out: told so, and no more.
    weak.rest.delete('/channels/%s/thread-members/%s' % (thread, eve.id)).ok(204)
    d = outside.wait('THREAD_MEMBERS_UPDATE', where=lambda d: 'removed_member_ids' in d)['d']
    eq(d['removed_member_ids'], [eve.id])
    unheard = scene.say(weak, 'gone', thread)
    outside.none('MESSAGE_CREATE', where=lambda d: d['id'] == unheard['id'])
    # A fresh session is shown what it may see, with its own part.
    fresh = [who.gateway() for who in (weak, eve, scene.bot)]
    eq([thread in shown(gateway, scene) for gateway in fresh], [True, False, True])
    mine = shown(fresh[0], scene)[thread]['member']
    eq((sorted(mine), 'member' in shown(fresh[2], scene)[thread]), (['flags', 'join_timestamp'], False))
    # A member who may not view the channel is out, too.
    scene.ann.rest.put('/channels/%s/permissions/%s' % (channel, weak.id), {'type': 1, 'allow': '0', 'deny': '1024'}).ok(204)
    inside.wait('CHANNEL_UPDATE', where=lambda d: d['id'] == channel and d['name'] == '___hidden___')
    unheard = scene.say(scene.bot, 'among ourselves', thread)
    admin.wait('MESSAGE_CREATE', where=lambda d: d['id'] == unheard['id'])
    inside.none('MESSAGE_CREATE', where=lambda d: d['id'] == unheard['id'])
    weak.rest.get('/channels/%s' % thread).refused(403, 50001)
    for gateway in fresh + [inside, outside, admin]:
        gateway.close()


@step('THREAD_LIST_SYNC: a channel comes into sight with its threads, by a role, by an overwrite, by MANAGE_THREADS')
def _(scene):
    bot, strong = weak_bot(scene), scene.bot
    channel = scene.channel()
    gateway = bot.gateway()
    public, private, mine = (make(strong, channel, name, kind)['id'] for name, kind in (
        ('open', PUBLIC), ('closed', PRIVATE), ('shared', PRIVATE)))
    strong.rest.put('/channels/%s/thread-members/%s' % (mine, bot.id)).ok(204)
    done = make(strong, channel, 'done')['id']
    strong.rest.patch('/channels/%s' % done, {'archived': True}).ok(200)
    everyone = '/channels/%s/permissions/%s' % (channel, scene.guild_id)
    scene.ann.rest.put(everyone, {'type': 0, 'allow': '0', 'deny': '1024'}).ok(204)
    gateway.wait('CHANNEL_UPDATE', where=lambda d: d['id'] == channel and d['name'] == '___hidden___')
    unheard = scene.say(strong, 'unheard', public)
    gateway.none('MESSAGE_CREATE', where=lambda d: d['id'] == unheard['id'])
    bot.rest.get('/channels/%s' % public).refused(403, 50001)

    def synced(threads):
        d = gateway.wait('THREAD_LIST_SYNC', where=lambda d: channel in d['channel_ids'] and (
            {t['id'] for t in d['threads'] if t['parent_id'] == channel} == set(threads)))['d']
        eq({m['id'] for m in d['members']}, {mine})

    scene.ann.rest.put(everyone, {'type': 0, 'allow': '0', 'deny': '0'}).ok(204)
    synced([public, mine])
    role = scene.ann.rest.post('/guilds/%s/roles' % scene.guild_id, {'name': 'warden', 'permissions': str(1 << 34)}).ok(200)['id']
    scene.ann.rest.put('/guilds/%s/members/%s/roles/%s' % (scene.guild_id, bot.id, role)).ok(204)
    synced([public, private, mine])
    heard = scene.say(strong, 'to wardens', private)
    gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == heard['id'])
    scene.ann.rest.delete('/guilds/%s/members/%s/roles/%s' % (scene.guild_id, bot.id, role)).ok(204)
    unheard = scene.say(strong, 'no more', private)
    gateway.none('MESSAGE_CREATE', where=lambda d: d['id'] == unheard['id'])
    gateway.close()


@step('THREAD_MEMBERS_UPDATE: without GUILD_MEMBERS only of oneself')
def _(scene):
    bot = weak_bot(scene)
    channel = scene.channel()
    little, much = bot.gateway(intents=1), bot.gateway(intents=1 | MEMBERS)
    thread = make(scene.bot, channel, 'counted')['id']
    for gateway in (little, much):
        gateway.wait('THREAD_CREATE', where=lambda d: d['id'] == thread)
    much.wait('THREAD_MEMBERS_UPDATE', where=lambda d: d['id'] == thread)
    bot.rest.put('/channels/%s/thread-members/@me' % thread).ok(204)
    d = little.wait('THREAD_MEMBER_UPDATE')['d']
    eq((d['id'], d['user_id'], d['guild_id']), (thread, bot.id, scene.guild_id))
    d = little.wait('THREAD_MEMBERS_UPDATE', where=lambda d: d['id'] == thread)['d']
    eq((d['member_count'], [m['user_id'] for m in d['added_members']]), (2, [bot.id]))
    none = bot.gateway(intents=1 << 9, guilds=False)
    bot.rest.delete('/channels/%s/thread-members/@me' % thread).ok(204)
    little.wait('THREAD_MEMBERS_UPDATE', where=lambda d: 'removed_member_ids' in d)
    none.none('THREAD_MEMBERS_UPDATE')
    for gateway in (little, much, none):
        gateway.close()


@step('people: READY has the threads one is in; op 14 and 37 bring the others, and lists of their members')
def _(scene):
    bob = scene.bob
    channel = scene.channel()
    joined, other = make(bob, channel, 'mine')['id'], make(scene.bot, channel, 'theirs')['id']
    gateway = bob.gateway(v=9, guilds=False)
    guild, = [g for g in gateway.ready['guilds'] if g['id'] == scene.guild_id]
    ids = [t['id'] for t in guild['threads']]
    eq((joined in ids, other in ids), (True, False))
    scene.bot.rest.patch('/channels/%s' % other, {'name': 'unasked'}).ok(200)
    scene.bot.rest.patch('/channels/%s' % joined, {'name': 'known'}).ok(200)
    gateway.wait('THREAD_UPDATE', where=lambda d: d['id'] == joined)
    gateway.none('THREAD_UPDATE', where=lambda d: d['id'] == other)
    gateway.send(14, {'guild_id': scene.guild_id, 'typing': True, 'threads': True})
    d = gateway.wait('THREAD_LIST_SYNC')['d']
    ids = [t['id'] for t in d['threads']]
    eq((joined in ids, other in ids, 'channel_ids' in d), (True, True, False))
    assert joined in [m['id'] for m in d['members']]
    scene.bot.rest.patch('/channels/%s' % other, {'name': 'asked'}).ok(200)
    gateway.wait('THREAD_UPDATE', where=lambda d: d['id'] == other and d['name'] == 'asked')
    gateway.send(37, {'subscriptions': {scene.guild_id: {'thread_member_lists': [other]}}})
    d = gateway.wait('THREAD_MEMBER_LIST_UPDATE', where=lambda d: d['thread_id'] == other)['d']
    one, = d['members']
    eq((d['guild_id'], one['user_id'], one['member']['user']['id']), (scene.guild_id, scene.bot.id, scene.bot.id))
    assert 'presence' in one
    bob.rest.put('/channels/%s/thread-members/@me' % other).ok(204)
    gateway.wait('THREAD_MEMBER_LIST_UPDATE', where=lambda d: {m['user_id'] for m in d['members']} == {scene.bot.id, bob.id})
    # What changes of those in it is told: of the bot, which he has not named.
    scene.ann.rest.patch('/guilds/%s/members/%s' % (scene.guild_id, scene.bot.id), {'nick': 'watched'}).ok(200)
    d = gateway.wait('GUILD_MEMBER_UPDATE', where=lambda d: d['user']['id'] == scene.bot.id)['d']
    eq(d['nick'], 'watched')
    eyes = scene.bot.gateway(identify={'presence': {'status': 'dnd', 'activities': [], 'afk': False, 'since': None}})
    gateway.wait('PRESENCE_UPDATE', where=lambda d: d['user']['id'] == scene.bot.id and d['status'] == 'dnd')
    eyes.close()
    # One that he may not see has no list.
    secret = make(scene.bot, channel, 'secret', PRIVATE)['id']
    gateway.send(37, {'subscriptions': {scene.guild_id: {'thread_member_lists': [secret]}}})
    gateway.none('THREAD_MEMBER_LIST_UPDATE', where=lambda d: d['thread_id'] == secret)
    gateway.send(37, {'subscriptions': {scene.guild_id: {'threads': False}}})
    eq(gateway.none('THREAD_CREATE', where=lambda d: d['id'] == secret) is not None, True)
    gateway.close()


@step('a member who leaves the guild is in no thread any more; one that is put back has to be asked in')
def _(scene):
    person = scene.world.person('guest')
    scene.world.join(person, scene.ann, scene.hall)
    channel = scene.channel()
    gateway = scene.bot.gateway(intents=ALL_INTENTS)
    thread = make(person, channel, 'short', PRIVATE)['id']
    gateway.wait('THREAD_CREATE', where=lambda d: d['id'] == thread)
    scene.ann.rest.delete('/guilds/%s/members/%s' % (scene.guild_id, person.id)).ok(204)
    d = gateway.wait('THREAD_MEMBERS_UPDATE', where=lambda d: 'removed_member_ids' in d)['d']
    eq((d['id'], d['removed_member_ids']), (thread, [person.id]))
    scene.world.join(person, scene.ann, scene.hall)
    person.rest.get('/channels/%s' % thread).refused(403, 50001)
    gateway.close()


@step('a hidden channel hides its threads from lists, and a thread made there from the gateway')
def _(scene):
    bot = weak_bot(scene)
    channel = scene.channel(permission_overwrites=[dict(HIDDEN, id=scene.guild_id)])
    gateway = bot.gateway()
    thread = make(scene.bot, channel, 'unseen')['id']
    gateway.none('THREAD_CREATE', where=lambda d: d['id'] == thread)
    eq(of(gateway, thread), [])
    bot.rest.get('/channels/%s/thread-members' % thread).refused(403, 50001)
    bot.rest.get('/channels/%s/threads/archived/public' % channel).refused(403, 50001)
    assert thread not in [t['id'] for t in bot.rest.get('/guilds/%s/threads/active' % scene.guild_id).ok(200)['threads']]
    gateway.close()


@step('a ban with its messages: those in threads go too, archived ones as well')
def _(scene):
    person = scene.world.person('loud')
    scene.world.join(person, scene.ann, scene.hall)
    channel = scene.channel()
    threads = [make(scene.bot, channel, name)['id'] for name in ('open', 'shut')]
    said = [scene.say(person, 'spam', thread)['id'] for thread in threads]
    scene.bot.rest.patch('/channels/%s' % threads[1], {'archived': True}).ok(200)
    gateway = scene.bot.gateway()
    scene.ann.rest.put('/guilds/%s/bans/%s' % (scene.guild_id, person.id), {'delete_message_seconds': 3600}).ok(204)
    gone = [gateway.wait('MESSAGE_DELETE_BULK', where=lambda d: d['channel_id'] in threads)['d'] for _ in threads]
    eq(sorted((d['channel_id'], d['ids']) for d in gone), sorted(zip(threads, ([m] for m in said))))
    eq([scene.bot.rest.get('/channels/%s' % t).ok(200)['message_count'] for t in threads], [0, 0])
    gateway.close()
