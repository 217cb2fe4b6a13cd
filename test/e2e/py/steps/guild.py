"""Guilds, channels, overwrites, roles, audit log."""

import discord

from ..world import UNKNOWN, eq, refused, step, tag


@step('the guild is whole in the cache')
async def _(w):
    for watch in (w.a, w.b):
        guild = w.guild(watch)
        eq((guild.name, guild.owner_id, guild.large, guild.unavailable), ('py hall', int(w.ann.id), False, False))
        assert guild.me.guild_permissions.administrator and guild.default_role.id == guild.id
        assert guild.chunked and guild.member_count == len(guild.members), '%d of %d members' % (
            len(guild.members), guild.member_count)
        assert guild.get_channel(int(w.hall))
        eq(guild.premium_tier, 3)


@step('a guild comes, is edited and goes')
async def _(w):
    guild = w.people.guild(w.ann, 'coming')
    w.people.add_bot(w.ann, w.bot_b, guild['id'])
    joined, = await w.b.sees('guild_join', lambda g: g.id == int(guild['id']))
    await joined.edit(name='renamed', afk_timeout=900, reason='x')
    before, after = await w.b.sees('guild_update', lambda x, y: y.id == joined.id)
    eq((before.name, after.name, after.afk_timeout), ('coming', 'renamed', 900))
    eq(w.read('/guilds/%d' % joined.id)['name'], 'renamed')
    await refused(joined.edit(name='x'), 400, 50035, 'name')
    w.ann.rest.delete('/guilds/%d' % joined.id).ok(204)
    await w.b.sees('guild_remove', lambda g: g.id == joined.id)
    await refused(w.b.fetch_guild(joined.id), 404, 10004)


@step('a bot leaves a guild')
async def _(w):
    guild = w.people.guild(w.ann, 'to leave')
    w.people.add_bot(w.ann, w.bot_b, guild['id'])
    joined, = await w.b.sees('guild_join', lambda g: g.id == int(guild['id']))
    await joined.leave()
    await w.b.sees('guild_remove', lambda g: g.id == joined.id)
    w.ann.rest.get('/guilds/%d/members/%d' % (joined.id, w.b.user.id)).refused(404, 10007)
    w.ann.rest.delete('/guilds/%d' % joined.id).ok(204)


@step('channels of all kinds are made and read back')
async def _(w):
    made = [await w.ga.create_text_channel('text-' + tag(), topic='t', slowmode_delay=5, nsfw=True),
            await w.ga.create_text_channel('news-' + tag(), news=True),
            await w.ga.create_voice_channel('Voice ' + tag(), bitrate=96000, user_limit=3),
            await w.ga.create_category('Cat ' + tag())]
    for channel in made:
        seen, = await w.b.sees('guild_channel_create', lambda c: c.id == channel.id)
        eq((seen.name, seen.type), (channel.name, channel.type))
        raw = w.read('/channels/%d' % channel.id)
        eq((raw['name'], raw['type']), (channel.name, channel.type.value))
    eq((made[0].topic, made[0].slowmode_delay, made[0].nsfw, made[2].bitrate, made[2].user_limit), ('t', 5, True, 96000, 3))
    assert made[1].is_news()
    await refused(w.ga.create_text_channel(''), 400, 50035, 'name')
    await refused(w.a.fetch_channel(int(UNKNOWN)), 404, 10003)
    w.member().rest.post('/guilds/%s/channels' % w.guild_id, {'name': 'x'}).refused(403, 50013)


@step('channels are edited, moved and deleted')
async def _(w):
    category = await w.ga.create_category('Cat ' + tag(), overwrites={
        w.ga.default_role: discord.PermissionOverwrite(add_reactions=False)})
    a, b = await w.channel()
    await a.edit(name='new-' + tag(), topic='new')
    before, after = await w.b.sees('guild_channel_update', lambda x, y: y.id == a.id)
    eq((after.topic, before.topic), ('new', None))
    await a.move(beginning=True, category=category, sync_permissions=True)
    await w.b.sees('guild_channel_update', lambda x, y: y.id == a.id and y.category_id == category.id)
    assert w.read('/channels/%d' % a.id)['permission_overwrites'][0]['deny'] == '64'
    await a.delete(reason='done')
    await w.b.sees('guild_channel_delete', lambda c: c.id == a.id)
    w.ann.rest.get('/channels/%d' % a.id).refused(404, 10003)


@step('overwrites decide, in the library\'s sum as in the server\'s')
async def _(w):
    bob = w.member()
    a, b = await w.channel()
    member = await w.gb.fetch_member(int(bob.id))
    await a.set_permissions(w.ga.default_role, send_messages=False, reason='quiet')
    await w.b.sees('guild_channel_update', lambda x, y: y.id == a.id)
    assert not b.permissions_for(member).send_messages
    bob.rest.post('/channels/%d/messages' % a.id, {'content': 'x'}).refused(403, 50013)
    await a.set_permissions(member, send_messages=True)
    await w.b.sees('guild_channel_update', lambda x, y: y.id == a.id and len(y.overwrites) == 2)
    assert b.permissions_for(member).send_messages
    bob.rest.post('/channels/%d/messages' % a.id, {'content': 'x'}).ok(200)
    await a.set_permissions(member, overwrite=None)
    bob.rest.post('/channels/%d/messages' % a.id, {'content': 'x'}).refused(403, 50013)
    bob.rest.delete('/channels/%d/permissions/%s' % (a.id, w.guild_id)).refused(403, 50013)


@step('roles are made, edited, moved and deleted')
async def _(w):
    made = await w.ga.create_role(name='role ' + tag(), colour=discord.Colour(0x336699), hoist=True, mentionable=True,
                                  permissions=discord.Permissions(kick_members=True), reason='r')
    seen, = await w.b.sees('guild_role_create', lambda r: r.id == made.id)
    eq((seen.name, seen.colour.value, seen.hoist, seen.mentionable, seen.permissions.value),
       (made.name, 0x336699, True, True, 2))
    await made.edit(name='other ' + tag(), permissions=discord.Permissions.none())
    before, after = await w.b.sees('guild_role_update', lambda x, y: y.id == made.id and y.name.startswith('other'))
    eq(after.permissions.value, 0)
    other, _ = await w.role()
    await made.edit(position=other.position)
    order = [r.id for r in await w.ga.fetch_roles() if r.id in (made.id, other.id)]
    eq(len(order), 2)
    assert (await w.gb.fetch_role(made.id)).name == after.name
    await made.delete()
    await w.b.sees('guild_role_delete', lambda r: r.id == made.id)
    w.ann.rest.get('/guilds/%s/roles/%d' % (w.guild_id, made.id)).refused(404, 10011)
    w.member().rest.post('/guilds/%s/roles' % w.guild_id, {}).refused(403, 50013)


@step('a role is given to a member and taken')
async def _(w):
    bob = w.member()
    role, role_b = await w.role()
    member = await w.ga.fetch_member(int(bob.id))
    await member.add_roles(role, reason='earned')
    before, after = await w.b.sees('member_update', lambda x, y: y.id == member.id and role_b in y.roles)
    assert role_b not in before.roles
    eq(w.read('/guilds/%s/members/%s' % (w.guild_id, bob.id))['roles'], [str(role.id)])
    await member.remove_roles(role)
    await w.b.sees('member_update', lambda x, y: y.id == member.id and role_b not in y.roles)
    await refused(member.add_roles(discord.Object(int(UNKNOWN))), 404, 10011)


@step('the audit log tells who, what and why')
async def _(w):
    reason = 'because ' + tag()
    role = await w.ga.create_role(name='logged', reason=reason)
    entry, = await w.b.sees('audit_log_entry_create', lambda e: e.target and e.target.id == role.id)
    eq((entry.action, entry.user_id, entry.reason), (discord.AuditLogAction.role_create, w.a.user.id, reason))
    a, _ = await w.channel()
    await a.set_permissions(role, send_messages=False)
    await a.set_permissions(role, overwrite=None)
    sent = await a.send('x')
    await sent.pin()
    await role.edit(name='renamed')
    await role.delete()
    await a.delete()
    found = [e async for e in w.gb.audit_logs(limit=40)]
    actions = {e.action.name for e in found}
    for name in ('role_create', 'role_update', 'role_delete', 'overwrite_create', 'overwrite_delete', 'message_pin',
                 'channel_create', 'channel_delete'):
        assert name in actions, '%s is missing in %s' % (name, sorted(actions))
    for entry in found:
        repr(entry), entry.target, entry.changes, entry.before, entry.after, entry.extra
    rename = next(e for e in found if e.action is discord.AuditLogAction.role_update)
    eq((rename.before.name, rename.after.name), ('logged', 'renamed'))
    own = [e async for e in w.gb.audit_logs(limit=3, user=w.a.user, action=discord.AuditLogAction.role_create)]
    assert own and all(e.user_id == w.a.user.id for e in own)
    w.member().rest.get('/guilds/%s/audit-logs' % w.guild_id).refused(403, 50013)
