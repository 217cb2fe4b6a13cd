"""Threads, as the library sees them."""

import discord

from ..world import UNKNOWN, eq, refused, step


@step('threads: made, spoken in, archived, opened by speaking, deleted')
async def _(w):
    channel, other = await w.channel()
    thread = await channel.create_thread(name='aside', type=discord.ChannelType.public_thread, auto_archive_duration=60)
    seen, = await w.b.sees('thread_create', lambda t: t.id == thread.id)
    eq((seen.name, seen.parent_id, seen.owner_id, seen.archived, seen.auto_archive_duration),
       ('aside', channel.id, w.a.user.id, False, 60))
    said = await thread.send('hello thread')
    heard, = await w.b.sees('message', lambda m: m.id == said.id)
    eq((heard.channel.id, heard.channel.parent.id), (thread.id, other.id))
    await thread.edit(name='renamed', slowmode_delay=5)
    before, after = await w.b.sees('thread_update', lambda x, y: y.id == thread.id)
    eq((before.name, after.name, after.slowmode_delay), ('aside', 'renamed', 5))
    await thread.edit(archived=True)
    await w.b.sees('thread_update', lambda x, y: y.id == thread.id and y.archived)
    await refused(thread.edit(name='again'), 400, 50083)
    listed = [t async for t in channel.archived_threads(limit=None)]
    eq([t.id for t in listed], [thread.id])
    await thread.send('awake')
    await w.b.sees('thread_join', lambda t: t.id == thread.id)  # the library forgets what is archived
    eq([t.id for t in await w.ga.active_threads() if t.parent_id == channel.id], [thread.id])
    await thread.delete()
    await w.b.sees('thread_delete', lambda t: t.id == thread.id)
    await refused(w.a.fetch_channel(thread.id), 404, 10003)


@step('a thread from a message')
async def _(w):
    channel, other = await w.channel()
    sent = await channel.send('about this')
    thread = await sent.create_thread(name='this')
    eq(thread.id, sent.id)
    await w.b.sees('thread_create', lambda t: t.id == thread.id)
    starter = [m async for m in thread.history()][0]
    eq((starter.type, starter.reference.message_id), (discord.MessageType.thread_starter_message, sent.id))
    eq((await channel.fetch_message(sent.id)).flags.has_thread, True)
    await refused(sent.create_thread(name='twice'), 400, 160004)


@step('thread members come and go')
async def _(w):
    channel, other = await w.channel()
    thread = await channel.create_thread(name='people', type=discord.ChannelType.public_thread)
    await w.b.sees('thread_create', lambda t: t.id == thread.id)
    theirs = other.guild.get_thread(thread.id)
    await theirs.join()
    await w.a.sees('thread_member_join', lambda m: m.id == w.b.user.id)
    await w.b.sees('thread_join', lambda t: t.id == thread.id)
    eq(sorted(m.id for m in await thread.fetch_members()), sorted([w.a.user.id, w.b.user.id]))
    bob = w.member()
    await thread.add_user(discord.Object(int(bob.id)))
    await w.b.sees('thread_member_join', lambda m: m.id == int(bob.id))
    eq((await thread.fetch_member(int(bob.id))).id, int(bob.id))
    await thread.remove_user(discord.Object(int(bob.id)))
    await w.b.sees('thread_member_remove', lambda m: m.id == int(bob.id))
    await refused(thread.fetch_member(int(bob.id)), 404, 10013)
    await theirs.leave()
    await w.a.sees('thread_member_remove', lambda m: m.id == w.b.user.id)
    await refused(thread.add_user(discord.Object(int(UNKNOWN))), 404, 10013)


@step('private threads: their lists, and who is let in')
async def _(w):
    channel, _ = await w.channel()
    thread = await channel.create_thread(name='secret', invitable=False)
    eq((thread.is_private(), thread.invitable), (True, False))
    bob = w.member()
    bob.rest.get('/channels/%d' % thread.id).refused(403, 50001)
    await thread.add_user(discord.Object(int(bob.id)))
    eq(bob.rest.get('/channels/%d' % thread.id).ok(200)['member']['user_id'], bob.id)
    await thread.edit(archived=True, locked=True)
    eq([t.id async for t in channel.archived_threads(private=True, limit=None)], [thread.id])
    eq([t.id async for t in channel.archived_threads(private=True, joined=True, limit=None)], [thread.id])
    bob.rest.post('/channels/%d/messages' % thread.id, {'content': 'locked'}).refused(400, 50083)
    bob.rest.patch('/channels/%d' % thread.id, {'archived': False}).refused(403, 50013)
    await thread.edit(archived=False, locked=False)
    bob.rest.post('/channels/%d/messages' % thread.id, {'content': 'open'}).ok(200)
