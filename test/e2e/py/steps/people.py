"""Members, bans, invites, presence."""

import datetime

import discord

from ..world import UNKNOWN, eq, refused, step, tag


@step('members are fetched, searched, asked for over the gateway')
async def _(w):
    bob = w.member()
    member = await w.ga.fetch_member(int(bob.id))
    eq((member.name, member.nick, member.bot), (bob.name, None, False))
    ids = [m.id async for m in w.ga.fetch_members(limit=None)]
    assert int(bob.id) in ids and w.a.user.id in ids and len(ids) == len(set(ids)), ids
    found = await w.gb.query_members(query=bob.name[:6], limit=5)
    eq([m.id for m in found], [int(bob.id)])
    found = await w.gb.query_members(user_ids=[int(bob.id), int(w.ann.id)], presences=True)
    eq(sorted(m.id for m in found), sorted([int(bob.id), int(w.ann.id)]))
    eq(len(w.gb.members), w.gb.member_count)
    await refused(w.ga.fetch_member(int(UNKNOWN)), 404, 10007)


@step('nicknames')
async def _(w):
    bob = w.member()
    member = await w.ga.fetch_member(int(bob.id))
    await member.edit(nick='Bobby')
    before, after = await w.b.sees('member_update', lambda x, y: y.id == member.id and y.nick == 'Bobby')
    eq(w.read('/guilds/%s/members/%s' % (w.guild_id, bob.id))['nick'], 'Bobby')
    await member.edit(nick=None)
    await w.ga.me.edit(nick='Automaton')
    await w.b.sees('member_update', lambda x, y: y.id == w.a.user.id and y.nick == 'Automaton')
    await w.ga.me.edit(nick=None)
    await refused(member.edit(nick='x' * 33), 400, 50035, 'nick')


@step('a timeout silences, its end gives the voice back')
async def _(w):
    bob = w.member()
    a, _ = await w.channel()
    member = await w.ga.fetch_member(int(bob.id))
    await member.timeout(datetime.timedelta(minutes=5), reason='cool down')
    _, after = await w.b.sees('member_update', lambda x, y: y.id == member.id and y.is_timed_out())
    bob.rest.post('/channels/%d/messages' % a.id, {'content': 'x'}).refused(403, 50013)
    await member.timeout(None)
    await w.b.sees('member_update', lambda x, y: y.id == member.id and not y.is_timed_out())
    bob.rest.post('/channels/%d/messages' % a.id, {'content': 'x'}).ok(200)
    await refused(member.timeout(datetime.timedelta(days=29)), 400, 50035)


@step('a member joins by invite, is kicked and comes back')
async def _(w):
    a, _ = await w.channel()
    invite = await a.create_invite(max_age=600, max_uses=3, unique=True, reason='come in')
    seen, = await w.b.sees('invite_create', lambda i: i.code == invite.code)
    eq((seen.max_age, seen.max_uses, seen.inviter.id), (600, 3, w.a.user.id))
    person = w.people.person('joiner')
    person.rest.post('/invites/' + invite.code, {}).ok(200)
    member, = await w.b.sees('member_join', lambda m: m.id == int(person.id))
    fetched = await w.b.fetch_invite(invite.code, with_counts=True)
    assert fetched.approximate_member_count >= 4
    eq({i.code: i.uses for i in await w.gb.invites()}[invite.code], 1)
    await w.ga.kick(member, reason='out')
    await w.b.sees('member_remove', lambda m: m.id == member.id)
    person.rest.get('/guilds/' + w.guild_id).refused(404, 10004)
    person.rest.post('/invites/' + invite.code, {}).ok(200)
    await w.b.sees('member_join', lambda m: m.id == member.id)
    await invite.delete(reason='closed')
    await w.b.sees('invite_delete', lambda i: i.code == invite.code)
    await refused(w.a.fetch_invite(invite.code), 404, 10006)
    await refused(w.ga.kick(discord.Object(int(UNKNOWN))), 404, 10007)


@step('bans: one, listed, lifted, many')
async def _(w):
    person = w.member('mal' + tag())
    a, _ = await w.channel()
    said = person.rest.post('/channels/%d/messages' % a.id, {'content': 'spam'}).ok(200)
    await w.ga.ban(discord.Object(int(person.id)), reason='spam', delete_message_seconds=3600)
    _, user = await w.b.sees('member_ban', lambda g, u: u.id == int(person.id))
    await w.b.sees('member_remove', lambda m: m.id == int(person.id))
    ban = await w.gb.fetch_ban(user)
    eq((ban.user.id, ban.reason), (int(person.id), 'spam'))
    await refused(a.fetch_message(int(said['id'])), 404, 10008)
    assert int(person.id) in [b.user.id async for b in w.gb.bans(limit=None)]
    await w.ga.unban(user)
    await w.b.sees('member_unban', lambda g, u: u.id == user.id)
    await refused(w.gb.fetch_ban(user), 404, 10026)
    others = [w.people.person('b1'), w.people.person('b2')]
    result = await w.ga.bulk_ban([discord.Object(int(o.id)) for o in others], reason='raid')
    eq((sorted(o.id for o in result.banned), result.failed), (sorted(int(o.id) for o in others), []))
    await refused(w.ga.ban(discord.Object(int(w.ann.id))), 403, 50013)
    w.member().rest.get('/guilds/%s/bans' % w.guild_id).refused(403, 50013)


@step('prune')
async def _(w):
    count = await w.ga.estimate_pruned_members(days=7)
    eq(await w.ga.prune_members(days=7, compute_prune_count=True), count)
    # The library sends booleans and lists as text here: 'true', 'id, id'.
    roles = [(await w.role())[0], (await w.role())[0]]
    assert await w.ga.estimate_pruned_members(days=7, roles=roles) >= 0
    eq(await w.ga.prune_members(days=7, compute_prune_count=False, roles=roles), None)
    w.member().rest.get('/guilds/%s/prune' % w.guild_id).refused(403, 50013)


@step('a presence with an activity is seen')
async def _(w):
    await w.a.change_presence(status=discord.Status.dnd, activity=discord.Game('chess'))
    _, after = await w.b.sees('presence_update', lambda x, y: y.id == w.a.user.id and y.status is discord.Status.dnd)
    eq(after.activities[0].name, 'chess')
    await w.a.change_presence(status=discord.Status.invisible)
    await w.b.sees('presence_update', lambda x, y: y.id == w.a.user.id and y.status is discord.Status.offline)
    await w.a.change_presence(status=discord.Status.online)
    await w.b.sees('presence_update', lambda x, y: y.id == w.a.user.id and y.status is discord.Status.online)


@step('people change their names, bots theirs')
async def _(w):
    bob = w.member()
    name = 'Bob ' + tag()
    bob.rest.patch('/users/@me', {'global_name': name}).ok(200)
    await w.b.sees('user_update', lambda x, y: y.id == int(bob.id) and y.global_name == name)
    name = 'robot ' + tag()
    await w.a.user.edit(username=name)
    await w.b.sees('user_update', lambda x, y: y.id == w.a.user.id and y.name == name)
    eq(w.read('/users/%d' % w.a.user.id)['username'], name)
    eq((await w.b.fetch_user(w.a.user.id)).name, name)
    await refused(w.b.fetch_user(int(UNKNOWN)), 404, 10013)
