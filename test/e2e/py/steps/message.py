"""Messages, reactions, pins, history, direct messages."""

import datetime
import io

import discord

from ..world import UNKNOWN, Skip, eq, refused, step, tag


@step('a message arrives whole at the other bot, and is read back')
async def _(w):
    a, _ = await w.channel()
    sent = await a.send('hello **world** äöü 👋')
    seen, = await w.b.sees('message', lambda m: m.id == sent.id)
    eq((seen.content, seen.author.id, seen.guild.id, seen.channel.id),
       ('hello **world** äöü 👋', w.a.user.id, int(w.guild_id), a.id))
    assert isinstance(seen.author, discord.Member), 'author is no member'
    eq(w.message(sent)['content'], sent.content)
    fetched = await a.fetch_message(sent.id)
    eq(fetched.content, sent.content)
    await refused(a.send('x' * 2001), 400, 50035, 'content')
    await refused(a.send(''), 400, 50006)
    await refused(w.a.get_partial_messageable(int(UNKNOWN)).send('x'), 404, 10003)


@step('a nonce comes back')
async def _(w):
    a, _ = await w.channel()
    sent = await a.send('once', nonce=tag())
    seen, = await w.b.sees('message', lambda m: m.id == sent.id)
    eq((sent.nonce is not None, seen.nonce), (True, sent.nonce))


@step('a reply, whose ids go out as numbers')
async def _(w):
    a, b = await w.channel()
    first = await a.send('question')
    await w.b.sees('message', lambda m: m.id == first.id)
    reply = await b.get_partial_message(first.id).reply('answer')
    seen, = await w.a.sees('message', lambda m: m.id == reply.id)
    eq((seen.type, seen.reference.message_id, seen.reference.resolved.content),
       (discord.MessageType.reply, first.id, 'question'))
    eq([m.id for m in seen.mentions], [w.a.user.id])
    await first.delete()
    eq(w.message(reply)['referenced_message'], None)
    await refused(b.send('x', reference=discord.MessageReference(message_id=int(UNKNOWN), channel_id=b.id)), 400, 50035)


@step('allowed mentions')
async def _(w):
    a, _ = await w.channel()
    role, _ = await w.role(mentionable=True)
    text = '%s %s @everyone' % (w.gb.me.mention, role.mention)
    sent = await a.send(text, allowed_mentions=discord.AllowedMentions.none())
    eq((w.message(sent)['mention_everyone'], w.message(sent)['mention_roles']), (False, []))
    sent = await a.send(text, allowed_mentions=discord.AllowedMentions(everyone=True, roles=[role], users=False))
    seen, = await w.b.sees('message', lambda m: m.id == sent.id)
    eq((seen.mention_everyone, [r.id for r in seen.role_mentions]), (True, [role.id]))


@step('embeds come back as they were sent, and are refused where they are wrong')
async def _(w):
    a, _ = await w.channel()
    when = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
    embed = discord.Embed(title='title', description='text', url='https://example.com/', color=0x123456, timestamp=when)
    embed.set_footer(text='foot').set_author(name='me').add_field(name='one', value='1').add_field(name='two', value='2', inline=False)
    sent = await a.send(embed=embed)
    seen, = await w.b.sees('message', lambda m: m.id == sent.id)
    got = seen.embeds[0]
    eq((got.title, got.description, got.url, got.color.value, got.timestamp, got.footer.text, got.author.name),
       ('title', 'text', 'https://example.com/', 0x123456, when, 'foot', 'me'))
    eq([(f.name, f.value, f.inline) for f in got.fields], [('one', '1', True), ('two', '2', False)])
    eq(w.message(sent)['embeds'][0]['type'], 'rich')
    await refused(a.send(embed=discord.Embed(title='x' * 257)), 400, 50035, 'embeds.0.title')
    bad = discord.Embed()
    bad.add_field(name='', value='y')
    await refused(a.send(embed=bad), 400, 50035, 'embeds.0.fields.0.name')


@step('buttons, selects and layouts')
async def _(w):
    a, _ = await w.channel()
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label='Go', custom_id='go', style=discord.ButtonStyle.success))
    view.add_item(discord.ui.Select(custom_id='pick', options=[discord.SelectOption(label='A', value='a')]))
    sent = await a.send('choose', view=view)
    seen, = await w.b.sees('message', lambda m: m.id == sent.id)
    eq([[c.custom_id for c in row.children] for row in seen.components], [['go'], ['pick']])
    layout = discord.ui.LayoutView(timeout=None)
    box = discord.ui.Container(discord.ui.TextDisplay('# Head'), accent_colour=0xff8800)
    box.add_item(discord.ui.Separator())
    box.add_item(discord.ui.Section(discord.ui.TextDisplay('beside'), accessory=discord.ui.Button(label='B', custom_id='b')))
    layout.add_item(box)
    sent = await a.send(view=layout)
    seen, = await w.b.sees('message', lambda m: m.id == sent.id)
    assert seen.flags.components_v2
    eq(seen.components[0].accent_colour.value, 0xff8800)
    eq([c['type'] for c in w.message(sent)['components'][0]['components']], [10, 14, 9])


@step('an edit is seen with both sides')
async def _(w):
    a, b = await w.channel()
    sent = await a.send('first')
    await w.b.sees('message', lambda m: m.id == sent.id)
    await sent.edit(content='second')
    before, after = await w.b.sees('message_edit', lambda x, y: y.id == sent.id)
    eq((before.content, after.content), ('first', 'second'))
    assert after.edited_at
    eq(w.message(sent)['content'], 'second')
    await refused(b.get_partial_message(sent.id).edit(content='mine'), 403, 50005)
    await sent.edit(suppress=True)
    await w.b.sees('message_edit', lambda x, y: y.id == sent.id and y.flags.suppress_embeds)


@step('a deletion is seen; the message is gone')
async def _(w):
    a, b = await w.channel()
    one, two = await a.send('one'), await a.send('two')
    await w.b.sees('message', lambda m: m.id == two.id)
    await one.delete()
    await w.b.sees('message_delete', lambda m: m.id == one.id)
    await b.get_partial_message(two.id).delete()
    await w.a.sees('raw_message_delete', lambda p: p.message_id == two.id)
    await refused(a.fetch_message(one.id), 404, 10008)
    await refused(a.get_partial_message(one.id).edit(content='back'), 404, 10008)
    three = await a.send('three')
    w.member().rest.delete('/channels/%d/messages/%d' % (a.id, three.id)).refused(403, 50013)


@step('bulk deletion and purge, whose ids go out as numbers')
async def _(w):
    a, _ = await w.channel()
    sent = [await a.send('n %d' % i) for i in range(6)]
    await w.b.sees('message', lambda m: m.id == sent[-1].id)
    await a.delete_messages(sent[:3])
    messages, = await w.b.sees('bulk_message_delete')
    eq(sorted(m.id for m in messages), [m.id for m in sent[:3]])
    purged = await a.purge(limit=10)
    eq(len(purged), 3)
    eq(w.read('/channels/%d/messages' % a.id), [])


@step('history in all directions, over more than one page')
async def _(w):
    a, b = await w.channel()
    ids = []
    for i in range(130):
        ids.append(int(w.bot_a.rest.post('/channels/%d/messages' % a.id, {'content': 'm %d' % i}).ok(200)['id']))
    everything = [m.id async for m in b.history(limit=None)]
    eq(everything, ids[::-1], 'all, newest first')
    eq([m.id async for m in b.history(limit=None, oldest_first=True)], ids, 'oldest first')
    middle = discord.Object(ids[60])
    eq([m.id async for m in b.history(limit=3, before=middle)], ids[59:56:-1], 'before')
    eq([m.id async for m in b.history(limit=110, after=discord.Object(ids[10]))], ids[11:121], 'after')
    eq(sorted([m.id async for m in b.history(limit=5, around=middle)]), ids[58:63], 'around')


@step('reactions: add, list, take away')
async def _(w):
    a, b = await w.channel()
    sent = await a.send('react')
    await w.b.sees('message', lambda m: m.id == sent.id)
    await sent.add_reaction('👍')
    reaction, user = await w.b.sees('reaction_add', lambda r, u: r.message.id == sent.id)
    eq((str(reaction.emoji), user.id), ('👍', w.a.user.id))
    await b.get_partial_message(sent.id).add_reaction('👍')
    await b.get_partial_message(sent.id).add_reaction('❤️')
    await w.a.sees('raw_reaction_add', lambda p: p.message_id == sent.id and str(p.emoji) == '❤️')
    message = await a.fetch_message(sent.id)
    eq([(str(r.emoji), r.count, r.me) for r in message.reactions], [('👍', 2, True), ('❤️', 1, False)])
    eq(sorted([u.id async for u in message.reactions[0].users(limit=None)]), sorted([w.a.user.id, w.b.user.id]))
    await message.remove_reaction('👍', w.a.user)
    await w.b.sees('raw_reaction_remove', lambda p: p.message_id == sent.id and p.user_id == w.a.user.id)
    await message.clear_reaction('👍')
    await w.b.sees('raw_reaction_clear_emoji', lambda p: p.message_id == sent.id)
    await message.clear_reactions()
    await w.b.sees('raw_reaction_clear', lambda p: p.message_id == sent.id)
    assert not w.message(sent).get('reactions')
    await refused(sent.add_reaction('nonsense'), 400, 10014)


@step('pins')
async def _(w):
    a, b = await w.channel()
    sent = [await a.send('p %d' % i) for i in range(3)]
    for message in sent:
        await message.pin(reason='keep')
    await w.b.sees('guild_channel_pins_update', lambda c, last: c.id == a.id and last is not None)
    notice, = await w.b.sees('message', lambda m: m.channel.id == a.id and m.type is discord.MessageType.pins_add)
    eq(notice.reference.message_id, sent[0].id)
    eq([m.id async for m in b.pins()], [m.id for m in sent[::-1]])
    eq([m['id'] for m in w.read('/channels/%d/pins' % a.id)], [str(m.id) for m in sent[::-1]])
    await sent[1].unpin()
    eq([m.id async for m in b.pins()], [sent[2].id, sent[0].id])
    await refused(a.get_partial_message(int(UNKNOWN)).pin(), 404, 10008)


@step('typing')
async def _(w):
    a, _ = await w.channel()
    await a.typing()
    channel, user, when = await w.b.sees('typing', lambda c, u, t: c.id == a.id)
    eq(user.id, w.a.user.id)
    assert abs((discord.utils.utcnow() - when).total_seconds()) < 60, when


@step('a file')
async def _(w):
    a, _ = await w.channel()
    try:
        sent = await a.send('with a file', file=discord.File(io.BytesIO(b'\x89PNG\r\n\x1a\nrest'), 'a.png', description='d'))
    except discord.HTTPException as error:
        if error.status in (404, 415) and error.code == 0:
            raise Skip('files are not served: %s' % error.text) from None
        raise
    seen, = await w.b.sees('message', lambda m: m.id == sent.id)
    file = seen.attachments[0]
    eq((file.filename, file.size, file.description, file.content_type), ('a.png', 12, 'd', 'image/png'))
    eq(await file.read(), b'\x89PNG\r\n\x1a\nrest')


@step('direct messages with a person')
async def _(w):
    bob = w.member()
    user = await w.a.fetch_user(int(bob.id))
    sent = await user.send('psst')
    assert isinstance(sent.channel, discord.DMChannel)
    eq([m['content'] for m in bob.rest.get('/channels/%d/messages' % sent.channel.id).ok(200)], ['psst'])
    answer = bob.rest.post('/channels/%d/messages' % sent.channel.id, {'content': 'what?'}).ok(200)
    seen, = await w.a.sees('message', lambda m: m.id == int(answer['id']))
    eq((seen.guild, seen.content, seen.author.id), (None, 'what?', int(bob.id)))
    eq(w.b.count('message', lambda m: m.channel.id == sent.channel.id), 0, 'bot b saw')
    stranger = w.people.person('stranger')
    user = await w.a.fetch_user(int(stranger.id))
    try:
        await user.send('hi')
    except discord.HTTPException as error:
        assert error.code in (50007, 50278), error.code
    else:
        raise AssertionError('a stranger got a message')
