"""What libraries that take nothing for granted need: fields that are always there, nulls that are taken."""

from .base import eq, step

V2 = 1 << 15


@step('what a client left out of a component stands in the answer')
def _(scene):
    sent = scene.ann.rest.post('/channels/%s/messages' % scene.hall, {'flags': V2, 'components': [
        {'type': 17, 'components': [{'type': 10, 'content': 'x'}, {'type': 14}, {'type': 14, 'divider': None, 'spacing': 2}]},
        {'type': 9, 'components': [{'type': 10, 'content': 'x'}],
         'accessory': {'type': 11, 'media': {'url': 'https://example.org/a.png'}}},
        {'type': 12, 'items': [{'media': {'url': 'https://example.org/a.png'}}]},
        {'type': 1, 'components': [{'type': 5, 'custom_id': 'who'}]}]}).ok(200)
    for message in sent, scene.ann.rest.get('/channels/%s/messages/%s' % (scene.hall, sent['id'])).ok(200):
        container, section, gallery, row = message['components']
        eq((container['accent_color'], container['spoiler']), (None, False))
        eq([(c['divider'], c['spacing']) for c in container['components'][1:]], [(True, 1), (True, 2)])
        accessory = section['accessory']
        eq((accessory['description'], accessory['spoiler']), (None, False))
        eq(accessory['media']['proxy_url'], 'https://example.org/a.png')
        eq((gallery['items'][0]['description'], gallery['items'][0]['spoiler']), (None, False))
        eq([row['components'][0][k] for k in ('min_values', 'max_values')], [1, 1])


@step('every component has a number of its own')
def _(scene):
    sent = scene.ann.rest.post('/channels/%s/messages' % scene.hall, {'flags': V2, 'components': [
        {'type': 10, 'content': 'x'}, {'type': 10, 'content': 'x', 'id': 1},
        {'type': 9, 'components': [{'type': 10, 'content': 'x', 'id': 3}],
         'accessory': {'type': 2, 'style': 1, 'label': 'x', 'custom_id': 'x'}}]}).ok(200)
    first, second, section = sent['components']
    numbers = [first['id'], second['id'], section['id'], section['components'][0]['id'], section['accessory']['id']]
    eq((second['id'], section['components'][0]['id'], len(set(numbers))), (1, 3, 5))


@step('null where nothing is to be said: roles, embeds, polls')
def _(scene):
    roles = '/guilds/%s/roles' % scene.guild_id
    nothing = {'name': None, 'permissions': None, 'color': None, 'hoist': None, 'mentionable': None, 'icon': None,
               'unicode_emoji': None}
    role = scene.ann.rest.post(roles, nothing).ok(200)
    everyone = [r for r in scene.ann.rest.get(roles).ok(200) if r['id'] == scene.guild_id][0]
    eq(role['permissions'], everyone['permissions'])
    scene.ann.rest.patch('%s/%s' % (roles, role['id']), {'permissions': '8'}).ok(200)
    edited = scene.ann.rest.patch('%s/%s' % (roles, role['id']), dict(nothing, name='kept')).ok(200)
    eq((edited['name'], edited['permissions']), ('kept', '8'))
    scene.ann.rest.delete('%s/%s' % (roles, role['id'])).ok(204)
    sent = scene.ann.rest.post('/channels/%s/messages' % scene.hall, {
        'embeds': [{'type': None, 'title': 'x', 'fields': [{'name': 'a', 'value': 'b', 'inline': None}]}]}).ok(200)
    eq((sent['embeds'][0]['type'], sent['embeds'][0]['fields'][0]['inline']), ('rich', False))
    answer = {'poll_media': {'text': 'a', 'emoji': {'id': None, 'name': '👍', 'animated': None}}}
    sent = scene.ann.rest.post('/channels/%s/messages' % scene.hall, {
        'poll': {'question': {'text': '?'}, 'answers': [answer, answer], 'duration': 1}}).ok(200)
    assert sent['poll']['answers'][0]['poll_media']['emoji'].get('animated') is not None or \
        'animated' not in sent['poll']['answers'][0]['poll_media']['emoji']


@step('a bot that names itself opens its own DMs, and nobody else\'s')
def _(scene):
    one = scene.bot.rest.post('/users/@me/channels', {'recipient_id': scene.bob.id}).ok(200)
    eq(scene.bot.rest.post('/users/%s/channels' % scene.bot.id, {'recipient_id': scene.bob.id}).ok(200)['id'], one['id'])
    scene.bot.rest.post('/users/%s/channels' % scene.ann.id, {'recipient_id': scene.bob.id}).refused(403, 50001)


@step('the id 0 is nobody\'s and nothing\'s')
def _(scene):
    rest = scene.ann.rest
    rest.get('/users/0/profile').refused(404, 10013)
    rest.get('/users/0').refused(404, 10013)
    rest.get('/users/%s/profile?guild_id=0' % scene.bob.id)
    rest.get('/channels/0').refused(404, 10003)
    rest.get('/guilds/0').refused(404, 10004)
    rest.get('/guilds/%s/members/0' % scene.guild_id)
    rest.post('/users/@me/channels', {'recipient_id': '0'})
    gateway = scene.bot.gateway()
    gateway.send(8, {'guild_id': scene.guild_id, 'user_ids': ['0']})
    eq(gateway.wait_close(), 4002)
    rest.get('/users/@me').ok(200)


@step('an instance has no sounds of its own, and says so')
def _(scene):
    eq(scene.bot.rest.get('/soundboard-default-sounds').ok(200), [])
    scene.world.nobody.get('/soundboard-default-sounds').refused(401, 0)
