"""What happens to a message: reactions, edits, pins, polls, notices. Each at a second client, and read back."""

import os
import urllib.parse

from .base import UNKNOWN, eq, step

UP, HEART = '\U0001f44d', '❤️'


def post(scene, who=None, **body):
    """(channel, message, its path): something said in a channel of its own."""
    channel = scene.channel()
    message = (who or scene.ann).rest.post('/channels/%s/messages' % channel, dict({'content': 'said'}, **body)).ok(200)
    return channel, message, '/channels/%s/messages/%s' % (channel, message['id'])


def of(message):
    return lambda d: d.get('message_id', d.get('id')) == message['id']


def at(path, emoji, *rest):
    return '/'.join((path, 'reactions', urllib.parse.quote(emoji)) + rest)


@step('reactions: put, counted, taken away by type, by others, by emoji, all')
def _(scene):
    channel, message, path = post(scene)
    gateway = scene.bot.gateway()
    bob, ann = scene.bob, scene.ann
    read = lambda who=ann: who.rest.get(path).ok(200).get('reactions', [])
    bob.rest.put(at(path, UP, '@me')).ok(204)
    d = gateway.wait('MESSAGE_REACTION_ADD', where=of(message))['d']
    eq((d['user_id'], d['emoji'], d['type'], d['burst'], d['message_author_id'], d['member']['user']['id']),
       (bob.id, {'id': None, 'name': UP}, 0, False, ann.id, bob.id))
    ann.rest.put(at(path, UP, '@me'), query={'type': 1}).ok(204)
    d = gateway.wait('MESSAGE_REACTION_ADD', where=of(message))['d']
    eq((d['type'], d['burst']), (1, True))
    eq([(r['count'], r['count_details'], r['me'], r['me_burst']) for r in read(bob)],
       [(2, {'normal': 1, 'burst': 1}, True, False)])
    ann.rest.delete(at(path, UP, '0', '@me')).ok(204)  # hers is of the other type: nothing happens
    ann.rest.delete(at(path, UP, '7', '@me')).refused(400, 50035, 'reaction_type')
    ann.rest.delete(at(path, UP, '1', '@me')).ok(204)
    eq(gateway.wait('MESSAGE_REACTION_REMOVE', where=of(message))['d']['type'], 1)
    bob.rest.delete(at(path, UP, '0', ann.id)).refused(403, 50013)
    ann.rest.delete(at(path, UP, '1', bob.id)).ok(204)  # as is his: nothing happens
    eq([r['count'] for r in read()], [1])
    ann.rest.delete(at(path, UP, '0', bob.id)).ok(204)
    eq(gateway.wait('MESSAGE_REACTION_REMOVE', where=of(message))['d']['user_id'], bob.id)
    eq(read(), [])
    for who in (ann, bob):
        for emoji in (UP, HEART):
            who.rest.put(at(path, emoji, '@me')).ok(204)
    bob.rest.delete(at(path, HEART)).refused(403, 50013)
    ann.rest.delete(at(path, HEART)).ok(204)
    eq(gateway.wait('MESSAGE_REACTION_REMOVE_EMOJI', where=of(message))['d']['emoji']['name'], HEART)
    eq([(r['emoji']['name'], r['count']) for r in read()], [(UP, 2)])
    bob.rest.delete(path + '/reactions').refused(403, 50013)
    ann.rest.delete(path + '/reactions').ok(204)
    gateway.wait('MESSAGE_REACTION_REMOVE_ALL', where=of(message))
    eq((read(), ann.rest.get(at(path, UP)).ok(200)), ([], []))
    bob.rest.put(at(path, 'no emoji', '@me')).refused(400, 10014)
    bob.rest.put(at('/channels/%s/messages/%s' % (channel, UNKNOWN), UP, '@me')).refused(404, 10008)
    gateway.close()


@step('reactions: twenty kinds at most, a new one needs ADD_REACTIONS, none from who is timed out')
def _(scene):
    channel, message, path = post(scene)
    bob, ann = scene.bob, scene.ann
    for n in range(20):
        ann.rest.put(at(path, chr(0x1f600 + n), '@me')).ok(204)
    ann.rest.put(at(path, HEART, '@me')).refused(400, 30010)
    where = '/channels/%s/permissions/%s' % (channel, scene.guild_id)
    ann.rest.put(where, {'type': 0, 'deny': str(1 << 6)}).ok(204)
    bob.rest.put(at(path, chr(0x1f600), '@me')).ok(204)  # joining one needs no more than reading
    ann.rest.delete(at(path, chr(0x1f601))).ok(204)
    bob.rest.put(at(path, chr(0x1f601), '@me')).refused(403, 50013)
    ann.rest.put(where, {'type': 0, 'deny': str(1 << 16)}).ok(204)
    bob.rest.put(at(path, chr(0x1f602), '@me')).refused(403, 50013)
    ann.rest.put(where, {'type': 0}).ok(204)
    member = '/guilds/%s/members/%s' % (scene.guild_id, bob.id)
    ann.rest.patch(member, {'communication_disabled_until': '2026-12-20T00:00:00+00:00'}).ok(200)
    try:
        bob.rest.put(at(path, chr(0x1f603), '@me')).refused(403, 50013)
        bob.rest.get(path).ok(200)
    finally:
        ann.rest.patch(member, {'communication_disabled_until': None}).ok(200)
    bob.rest.put(at(path, chr(0x1f603), '@me')).ok(204)


@step('an edit: what is left out stays, what is emptied goes, mentions are counted anew')
def _(scene):
    channel, message, path = post(scene, content='one', embeds=[{'title': 'two'}])
    gateway = scene.bot.gateway()
    rest = scene.ann.rest
    edited = rest.patch(path, {'content': 'hi <@%s>' % scene.bob.id}).ok(200)
    d = gateway.wait('MESSAGE_UPDATE', where=of(message))['d']
    for seen in (edited, d, rest.get(path).ok(200)):
        eq((seen['content'], seen['embeds'][0]['title'], [u['id'] for u in seen['mentions']]),
           ('hi <@%s>' % scene.bob.id, 'two', [scene.bob.id]))
        assert seen['edited_timestamp'] and seen['timestamp'] == message['timestamp'], seen
    rest.patch(path, {'content': 'hi <@%s>' % scene.bob.id, 'allowed_mentions': {'parse': []}}).ok(200)
    eq(rest.get(path).ok(200)['mentions'], [])
    rest.patch(path, {'content': None}).ok(200)
    eq(rest.get(path).ok(200)['content'], '')
    rest.patch(path, {'embeds': []}).refused(400, 50006)
    scene.bob.rest.patch(path, {'content': 'mine'}).refused(403, 50005)
    scene.bob.rest.patch(path, {'flags': 4}).refused(403, 50013)
    rest.patch(path, {'content': 'x' * 4001}).refused(400, 50035, 'content')
    rest.patch('/channels/%s/messages/%s' % (channel, UNKNOWN), {'content': 'x'}).refused(404, 10008)
    rest.patch(path, {'flags': 4}).ok(200)
    eq(rest.get(path).ok(200)['flags'], 4, 'SUPPRESS_EMBEDS')
    gateway.close()


@step('a flag that hides the embeds of others needs MANAGE_MESSAGES and changes nothing else')
def _(scene):
    channel, message, path = post(scene, scene.bob, content='look', embeds=[{'title': 'two'}])
    before = scene.ann.rest.get(path).ok(200)
    scene.ann.rest.patch(path, {'flags': 4 | 1 << 15 | 1 << 13}).ok(200)
    after = scene.ann.rest.get(path).ok(200)
    eq((after['flags'], after['edited_timestamp'], after['content']), (4, None, before['content']))
    scene.ann.rest.patch(path, {'content': 'mine', 'flags': 0}).refused(403, 50005)


@step('pins by both families of routes: the newest first, a notice, and what may not be pinned')
def _(scene):
    channel, message, path = post(scene)
    gateway = scene.bot.gateway()
    rest = scene.ann.rest
    new, old = '/channels/%s/messages/pins' % channel, '/channels/%s/pins' % channel
    rest.put('%s/%s' % (old, message['id']), reason='keep').ok(204)
    d = gateway.wait('CHANNEL_PINS_UPDATE')['d']
    eq((d['channel_id'], bool(d['last_pin_timestamp'])), (channel, True))
    eq(gateway.wait('MESSAGE_UPDATE', where=of(message))['d']['pinned'], True)
    notice = gateway.wait('MESSAGE_CREATE', where=lambda d: d['type'] == 6)['d']
    eq((notice['message_reference']['message_id'], notice['author']['id'], notice['content']), (message['id'], scene.ann.id, ''))
    eq(rest.get('/channels/%s/messages/%s' % (channel, notice['id'])).ok(200)['type'], 6)
    rest.put('%s/%s' % (new, notice['id'])).refused(403, 50021)
    rest.put('%s/%s' % (new, UNKNOWN)).refused(404, 10008)
    scene.bob.rest.put('%s/%s' % (new, message['id'])).refused(403, 50013)
    entry = rest.get('/guilds/%s/audit-logs' % scene.guild_id, query={'action_type': 74, 'limit': 1}).ok(200)['audit_log_entries'][0]
    eq((entry['target_id'], entry['options'], entry['reason']),
       (scene.ann.id, {'channel_id': channel, 'message_id': message['id']}, 'keep'))
    eq([m['id'] for m in rest.get(old).ok(200)], [message['id']])
    eq([p['message']['id'] for p in rest.get(new).ok(200)['items']], [message['id']])
    rest.get('/channels/%s/pins' % UNKNOWN).refused(404, 10003)
    rest.get(new, query={'limit': 51}).refused(400, 50035, 'limit')
    rest.delete('%s/%s' % (old, message['id'])).ok(204)
    eq(gateway.wait('CHANNEL_PINS_UPDATE')['d']['last_pin_timestamp'], None)
    eq(rest.get(path).ok(200)['pinned'], False)
    gateway.close()


@step('notices: who joins says so in the system channel, unless the guild has switched it off')
def _(scene):
    guild = scene.world.guild(scene.ann, 'notices')
    path, system = '/guilds/' + guild['id'], guild['system_channel_id']
    gateway = scene.ann.gateway(guilds=False)
    rest = scene.ann.rest
    joe = scene.world.person('joe')
    scene.world.join(joe, scene.ann, system)
    d = gateway.wait('MESSAGE_CREATE', where=lambda d: d['channel_id'] == system)['d']
    eq((d['type'], d['content'], d['author']['id'], d['mentions']), (7, '', joe.id, []))
    eq(rest.get('/channels/%s/messages/%s' % (system, d['id'])).ok(200)['type'], 7)
    rest.patch('/channels/%s/messages/%s' % (system, d['id']), {'content': 'x'}).refused(403, 50021)
    reply = rest.post('/channels/%s/messages' % system, {'content': 'hi', 'message_reference': {'message_id': d['id']}}).ok(200)
    eq((reply['type'], reply['referenced_message']['id']), (19, d['id']))
    joe.rest.delete('/channels/%s/messages/%s' % (system, d['id'])).ok(204)
    rest.patch(path, {'system_channel_flags': 1}).ok(200)
    scene.world.join(scene.world.person('jim'), scene.ann, system)
    gateway.none('MESSAGE_CREATE', where=lambda d: d['type'] == 7)
    rest.patch(path, {'system_channel_flags': 0, 'system_channel_id': None}).ok(200)
    scene.world.join(scene.world.person('jan'), scene.ann, system)
    gateway.none('MESSAGE_CREATE', where=lambda d: d['type'] == 7)
    gateway.close()
    rest.delete(path).ok(204)


def poll(scene, who, channel, **more):
    body = {'question': {'text': 'which?'}, 'duration': 1, 'answers': [
        {'poll_media': {'text': 'this', 'emoji': {'name': UP}}}, {'poll_media': {'text': 'that'}}]}
    return who.rest.post('/channels/%s/messages' % channel, {'poll': dict(body, **more)})


@step('a poll: votes come and go, and its end is told once, with the winner')
def _(scene):
    channel = scene.channel()
    gateway = scene.bot.gateway()
    ann, bob = scene.ann, scene.bob
    message = poll(scene, bob, channel).ok(200)
    path = '/channels/%s/polls/%s' % (channel, message['id'])
    d = gateway.wait('MESSAGE_CREATE', where=of(message))['d']
    for seen in (message, d):
        eq([(a['answer_id'], a['poll_media']['text']) for a in seen['poll']['answers']], [(1, 'this'), (2, 'that')])
        eq((seen['poll']['layout_type'], seen['poll']['allow_multiselect'], seen['poll']['results']['is_finalized']), (1, False, False))
    vote = lambda who, *ids: who.rest.put(path + '/answers/@me', {'answer_ids': list(ids)})
    vote(ann, '1').ok(204)
    d = gateway.wait('MESSAGE_POLL_VOTE_ADD', where=of(message))['d']
    eq((d['user_id'], d['answer_id'], d['channel_id'], d['guild_id']), (ann.id, 1, channel, scene.guild_id))
    vote(bob, '1').ok(204)
    vote(ann, '2').ok(204)
    eq(gateway.wait('MESSAGE_POLL_VOTE_REMOVE', where=of(message))['d']['answer_id'], 1)
    eq(gateway.wait('MESSAGE_POLL_VOTE_ADD', where=lambda d: d['user_id'] == ann.id)['d']['answer_id'], 2)
    counts = lambda who: sorted((c['id'], c['count'], c['me_voted']) for c in who.rest.get(
        '/channels/%s/messages/%s' % (channel, message['id'])).ok(200)['poll']['results']['answer_counts'])
    eq((counts(ann), counts(bob)), ([(1, 1, False), (2, 1, True)], [(1, 1, True), (2, 1, False)]))
    vote(ann).ok(204)
    eq([u['id'] for u in ann.rest.get(path + '/answers/1').ok(200)['users']], [bob.id])
    eq(ann.rest.get(path + '/answers/2').ok(200)['users'], [])
    ann.rest.get(path + '/answers/9').refused(400, 50035)
    vote(ann, '1', '2').refused(400, 50035, 'answer_ids')
    vote(ann, '3').refused(400, 50035, 'answer_ids')
    ann.rest.put('/channels/%s/polls/%s/answers/@me' % (channel, UNKNOWN), {'answer_ids': ['1']}).refused(404, 10008)
    bob.rest.patch('/channels/%s/messages/%s' % (channel, message['id']), {'content': 'x'}).refused(400, 520003)
    ann.rest.post(path + '/expire').refused(403, 50005)
    ended = bob.rest.post(path + '/expire').ok(200)
    eq(ended['poll']['results']['is_finalized'], True)
    d = gateway.wait('MESSAGE_UPDATE', where=of(message))['d']
    eq(d['poll']['results']['is_finalized'], True)
    notice = gateway.wait('MESSAGE_CREATE', where=lambda d: d['type'] == 46)['d']
    read = ann.rest.get('/channels/%s/messages/%s' % (channel, notice['id'])).ok(200)
    for seen in (notice, read):
        eq((seen['author']['id'], seen['message_reference']['message_id'], seen['content']), (bob.id, message['id'], ''))
        embed = seen['embeds'][0]
        fields = {f['name']: f['value'] for f in embed['fields']}
        eq((embed['type'], fields), ('poll_result', {
            'poll_question_text': 'which?', 'victor_answer_votes': '1', 'total_votes': '1', 'victor_answer_id': '1',
            'victor_answer_text': 'this', 'victor_answer_emoji_name': UP}))
    vote(ann, '1').refused(400, 520001)
    bob.rest.post(path + '/expire').refused(400, 520001)
    gateway.none('MESSAGE_CREATE', where=lambda d: d['type'] == 46)
    plain = bob.rest.post('/channels/%s/messages' % channel, {'content': 'x'}).ok(200)
    bob.rest.post('/channels/%s/polls/%s/expire' % (channel, plain['id'])).refused(400, 520006)
    gateway.close()


@step('a poll of many choices, and what no poll may be')
def _(scene):
    channel = scene.channel()
    ann = scene.ann
    message = poll(scene, ann, channel, allow_multiselect=True).ok(200)
    path = '/channels/%s/polls/%s' % (channel, message['id'])
    ann.rest.put(path + '/answers/@me', {'answer_ids': ['1', '2']}).ok(204)
    eq([c['count'] for c in ann.rest.get('/channels/%s/messages/%s' % (channel, message['id'])).ok(200)['poll']['results']['answer_counts']], [1, 1])
    answer = {'poll_media': {'text': 'a'}}
    poll(scene, ann, channel, answers=[]).refused(400, 50035, 'poll.answers')
    poll(scene, ann, channel, answers=[answer] * 11).refused(400, 50035, 'poll.answers')
    poll(scene, ann, channel, answers=[{'poll_media': {'text': 'x' * 56}}]).refused(400, 50035, 'poll.answers.0.poll_media.text')
    poll(scene, ann, channel, question={'text': 'x' * 301}).refused(400, 50035, 'poll.question.text')
    poll(scene, ann, channel, question={}).refused(400, 50035, 'poll.question.text')
    poll(scene, ann, channel, duration=769).refused(400, 50035, 'poll.duration')
    poll(scene, ann, channel, duration=0).refused(400, 50035, 'poll.duration')
    ann.rest.put('/channels/%s/permissions/%s' % (channel, scene.guild_id), {'type': 0, 'deny': str(1 << 49)}).ok(204)
    poll(scene, scene.bob, channel).refused(403, 50013)


@step('a nonce that is enforced makes one message of two calls; one that is not comes back only')
def _(scene):
    channel = scene.channel()
    say = lambda **more: scene.bob.rest.post('/channels/%s/messages' % channel, dict({'content': 'once'}, **more)).ok(200)
    one, two = say(nonce='n1', enforce_nonce=True), say(nonce='n1', enforce_nonce=True, content='other')
    eq((one['id'], two['content']), (two['id'], 'once'))
    assert say(nonce='n1')['id'] != one['id'] and say(nonce='n2', enforce_nonce=True)['id'] != one['id']
    eq(scene.ann.rest.post('/channels/%s/messages' % channel, {'content': 'mine', 'nonce': 'n1', 'enforce_nonce': True}).ok(200)['content'], 'mine')
    eq(say(nonce=5)['nonce'], 5)
    scene.bob.rest.post('/channels/%s/messages' % channel, {'content': 'x', 'nonce': 'x' * 26}).refused(400, 50035, 'nonce')
    eq(len(scene.ann.rest.get('/channels/%s/messages' % channel).ok(200)), 5)


@step('who is mentioned: parse, lists, replies, and what contradicts itself')
def _(scene):
    channel, message, path = post(scene)
    ann, bob = scene.ann, scene.bob
    role = ann.rest.post('/guilds/%s/roles' % scene.guild_id, {'name': 'm', 'permissions': '0'}).ok(200)['id']
    text = '@everyone <@&%s> <@%s>' % (role, bob.id)

    def said(who, **more):
        got = who.rest.post('/channels/%s/messages' % channel, dict({'content': text}, **more)).ok(200)
        return got['mention_everyone'], got['mention_roles'], [u['id'] for u in got['mentions']]

    eq(said(ann), (True, [role], [bob.id]))
    eq(said(ann, allowed_mentions={'parse': []}), (False, [], []))
    eq(said(ann, allowed_mentions={'parse': ['roles']}), (False, [role], []))
    eq(said(ann, allowed_mentions={'users': [bob.id], 'roles': []}), (False, [], [bob.id]))
    eq(said(bob)[:2], (False, []), 'without MENTION_EVERYONE')
    send = lambda **allowed: ann.rest.post('/channels/%s/messages' % channel, {'content': text, 'allowed_mentions': allowed})
    send(parse=['users'], users=[bob.id]).refused(400, 50035, 'allowed_mentions')
    send(parse=['roles'], roles=[role]).refused(400, 50035, 'allowed_mentions')
    send(parse=['nobody']).refused(400, 50035, 'allowed_mentions.parse.0')
    send(users=[str(n + 1) for n in range(101)]).refused(400, 50035, 'allowed_mentions.users')
    reply = {'content': 'r', 'message_reference': {'message_id': message['id']}}
    eq(said(bob, **reply)[2], [ann.id])
    eq(said(bob, allowed_mentions={'replied_user': False}, **reply)[2], [])
    eq(said(bob, allowed_mentions={'parse': [], 'replied_user': True}, **reply)[2], [ann.id])
    ann.rest.patch('/guilds/%s/roles/%s' % (scene.guild_id, role), {'mentionable': True}).ok(200)
    eq(said(bob)[1], [role])
    ann.rest.delete('/guilds/%s/roles/%s' % (scene.guild_id, role)).ok(204)


@step('references: unknown ones, of other channels, without history; forwards of what one may not read')
def _(scene):
    channel, message, path = post(scene)
    other, hidden, _ = post(scene)
    ann, bob = scene.ann, scene.bob
    say = lambda who, reference, **more: who.rest.post('/channels/%s/messages' % channel, dict({'message_reference': reference}, **more))
    say(bob, {'message_id': UNKNOWN}, content='x').refused(400, 50035, 'message_reference')
    eq(say(bob, {'message_id': UNKNOWN, 'fail_if_not_exists': False}, content='x').ok(200)['type'], 0)
    say(bob, {'message_id': hidden['id'], 'channel_id': other}, content='x').refused(400, 50035, 'message_reference')
    say(bob, {'type': 1, 'message_id': message['id'], 'channel_id': channel}, content='x').refused(400, 50035, 'message_reference')
    forwarded = say(bob, {'type': 1, 'message_id': message['id'], 'channel_id': channel}).ok(200)
    eq((forwarded['message_reference']['type'], forwarded['message_snapshots'][0]['message']['content']), (1, 'said'))
    ann.rest.put('/channels/%s/permissions/%s' % (other, scene.guild_id), {'type': 0, 'deny': str(1 << 10)}).ok(204)
    assert say(bob, {'type': 1, 'message_id': hidden['id'], 'channel_id': other}).status in (400, 403)
    ann.rest.put('/channels/%s/permissions/%s' % (other, scene.guild_id), {'type': 0, 'deny': str(1 << 16)}).ok(204)
    assert say(bob, {'type': 1, 'message_id': hidden['id'], 'channel_id': other}).status in (400, 403), 'without history'
    ann.rest.put('/channels/%s/permissions/%s' % (channel, scene.guild_id), {'type': 0, 'deny': str(1 << 16)}).ok(204)
    say(bob, {'message_id': message['id']}, content='x').refused(400, 160002)
    eq(bob.rest.get('/channels/%s/messages' % channel).ok(200), [])
    bob.rest.get(path).refused(403, 50013)


@step('flags of a message: silent ones, hidden embeds, layouts that cannot go back')
def _(scene):
    channel = scene.channel()
    rest = scene.ann.rest
    say = lambda **more: rest.post('/channels/%s/messages' % channel, more)
    eq(say(content='quiet', flags=1 << 12).ok(200)['flags'], 1 << 12)
    eq(say(content='x', flags=1 | 1 << 3 | 1 << 6).ok(200)['flags'], 0)
    eq(say(content='x', embeds=[{'title': 't'}], flags=4).ok(200)['embeds'], [])
    text = [{'type': 10, 'content': 'laid out'}]
    laid = say(components=text, flags=1 << 15).ok(200)
    eq(laid['flags'], 1 << 15)
    say(components=text, content='x', flags=1 << 15).refused(400, 50035, 'content')
    say(components=text, embeds=[{'title': 't'}], flags=1 << 15).refused(400, 50035, 'embeds')
    say(components=text).refused(400, 50035, 'components.0.type')
    say(flags=1 << 15).refused(400, 50006)
    path = '/channels/%s/messages/%s' % (channel, laid['id'])
    rest.patch(path, {'content': 'x'}).refused(400, 50035, 'content')
    eq(rest.patch(path, {'flags': 0}).ok(200)['flags'], 1 << 15)
    say(content='x', flags='many').refused(400, 50035, 'flags')


@step('slow mode holds up people, not bots nor those who may bypass it')
def _(scene):
    channel = scene.channel(rate_limit_per_user=30)
    say = lambda who: who.rest.post('/channels/%s/messages' % channel, {'content': 'x'})
    say(scene.bob).ok(200)
    answer = say(scene.bob)
    body = answer.refused(429, 20016)
    assert 0 < body['retry_after'] <= 30 and 1 <= int(answer.headers['retry-after']) <= 30, answer.headers
    for who in (scene.ann, scene.ann, scene.bot, scene.bot):
        say(who).ok(200)
    scene.ann.rest.put('/channels/%s/permissions/%s' % (channel, scene.bob.id), {'type': 1, 'allow': str(1 << 52)}).ok(204)
    say(scene.bob).ok(200)
    scene.ann.rest.patch('/channels/%s' % channel, {'rate_limit_per_user': 21601}).refused(400, 50035, 'rate_limit_per_user')


@step('pruning: counted before, with the roles that may be held, and told to the log')
def _(scene):
    guild = scene.world.guild(scene.ann, 'empty')
    path = '/guilds/' + guild['id']
    rest = scene.ann.rest
    person = scene.world.person('away')
    scene.world.join(person, scene.ann, guild['system_channel_id'])
    role = rest.post(path + '/roles', {'name': 'r', 'permissions': '0'}).ok(200)['id']
    eq(rest.get(path + '/prune', query={'days': 1}).ok(200)['pruned'], 0)
    rest.get(path + '/prune', query={'days': 31}).refused(400, 50035, 'days')
    rest.get(path + '/prune', query={'days': 0}).refused(400, 50035, 'days')
    rest.get(path + '/prune', query={'include_roles': 'x'}).refused(400, 50035, 'include_roles')
    person.rest.get(path + '/prune').refused(403, 50013)
    person.rest.post(path + '/prune', {}).refused(403, 50013)
    eq(rest.post(path + '/prune', {'days': 7, 'include_roles': [role], 'compute_prune_count': False}, reason='quiet').ok(200), {'pruned': None})
    entry = rest.get(path + '/audit-logs', query={'action_type': 21}).ok(200)['audit_log_entries'][0]
    eq((entry['options'], entry['reason'], entry['target_id']), ({'delete_member_days': '7', 'members_removed': '0'}, 'quiet', None))
    rest.delete(path).ok(204)


@step('many deletions at once: not too old, not too few, no one twice, the rest of what is left')
def _(scene):
    channel = scene.channel()
    rest = scene.ann.rest
    gateway = scene.bot.gateway()
    ids = [scene.say(scene.ann, str(n), channel)['id'] for n in range(3)]
    where = '/channels/%s/messages/bulk-delete' % channel
    rest.post(where, {'messages': ids[:1]}).refused(400, 50016)
    rest.post(where, {'messages': [ids[0], '100000000000000000']}).refused(400, 50034)
    rest.post(where, {'messages': [ids[0], ids[0]]}).refused(400, 50035, 'messages')
    scene.bob.rest.post(where, {'messages': ids}).refused(403, 50013)
    rest.delete('/channels/%s/messages/%s' % (channel, ids[0])).ok(204)
    rest.post(where, {'messages': ids}, reason='tidy').ok(204)
    d = gateway.wait('MESSAGE_DELETE_BULK')['d']
    eq((sorted(d['ids']), d['channel_id'], d['guild_id']), (sorted(ids[1:]), channel, scene.guild_id))
    eq(rest.get('/channels/%s/messages' % channel).ok(200), [])
    entry = rest.get('/guilds/%s/audit-logs' % scene.guild_id, query={'action_type': 73, 'limit': 1}).ok(200)['audit_log_entries'][0]
    eq((entry['target_id'], entry['options'], entry['reason']), (channel, {'count': '2'}, 'tidy'))
    gateway.close()
