"""Who may not do what: ways round a permission, hidden channels, a guild that asks for a second factor."""

import base64
import os
import time

from lib.world import PASSWORD
from .accounts import one_time
from .base import UNKNOWN, eq, step
from .guilds import change, entry, made, member

VIEW, SEND = 1 << 10, 1 << 11
KICK, CHANNELS, GUILD, MESSAGES, ROLES = 1 << 1, 1 << 4, 1 << 5, 1 << 13, 1 << 28


def mod_of(scene, guild, power, name='mod'):
    """A member with a role of these permissions: (member, role id)."""
    path = '/guilds/%s' % guild['id']
    role = scene.ann.rest.post(path + '/roles', {'name': name, 'permissions': str(power)}).ok(200)['id']
    person = member(scene, guild, name)
    scene.ann.rest.put('%s/members/%s/roles/%s' % (path, person.id, role)).ok(204)
    return person, role


def hide(scene, guild, channel, bits=VIEW):
    scene.ann.rest.put('/channels/%s/permissions/%s' % (channel, guild['id']), {'type': 0, 'deny': str(bits)}).ok(204)


@step('a hidden channel is moved, synced and filled by nobody who cannot see it')
def _(scene):
    guild, path = made(scene, 'hidden rooms')
    rest = scene.ann.rest
    mod, role = mod_of(scene, guild, VIEW | CHANNELS | ROLES)
    open_, closed = (rest.post(path + '/channels', {'name': n, 'type': 4}).ok(201)['id'] for n in ('open', 'closed'))
    secret = rest.post(path + '/channels', {'name': 'secret'}).ok(201)['id']
    plain = rest.post(path + '/channels', {'name': 'plain'}).ok(201)['id']
    for channel in (closed, secret):
        hide(scene, guild, channel)
    for move in ({'parent_id': open_}, {'parent_id': open_, 'lock_permissions': True}):
        mod.rest.patch(path + '/channels', [dict(move, id=secret)]).refused(403, 50001)
    mod.rest.patch('/channels/' + secret, {'parent_id': open_}).refused(403, 50001)
    mod.rest.patch('/channels/' + plain, {'parent_id': closed}).refused(403, 50013)
    mod.rest.patch(path + '/channels', [{'id': plain, 'parent_id': closed}]).refused(403, 50013)
    mod.rest.post(path + '/channels', {'name': 'x', 'parent_id': closed}).refused(403, 50013)
    eq(mod.rest.get('/channels/' + secret).status, 403)
    # Seen, but not theirs to manage.
    rest.put('/channels/%s/permissions/%s' % (plain, role), {'type': 0, 'deny': str(CHANNELS)}).ok(204)
    mod.rest.patch(path + '/channels', [{'id': plain, 'parent_id': open_}]).refused(403, 50013)
    mod.rest.patch(path + '/channels', [{'id': plain, 'position': 9}, {'id': secret, 'position': 8}]).ok(204)
    rest.put('/channels/%s/permissions/%s' % (plain, role), {'type': 0, 'deny': str(ROLES)}).ok(204)
    mod.rest.patch(path + '/channels', [{'id': plain, 'parent_id': open_, 'lock_permissions': True}]).refused(403, 50013)
    mod.rest.patch(path + '/channels', [{'id': plain, 'parent_id': open_}]).ok(204)
    # Syncing sets overwrites: of bits that the mod does not hold it is refused.
    rest.put('/channels/%s/permissions/%s' % (plain, role), {'type': 0, 'deny': str(MESSAGES)}).ok(204)
    mod.rest.patch(path + '/channels', [{'id': plain, 'lock_permissions': True}]).refused(403, 50013)
    rest.patch(path + '/channels', [{'id': plain, 'lock_permissions': True}]).ok(204)
    eq(rest.get('/channels/' + plain).ok(200)['permission_overwrites'], [])
    rest.delete(path).ok(204)


@step('an overwrite hands out MANAGE_ROLES by an administrator, or one who has it by an overwrite')
def _(scene):
    guild, path = made(scene, 'ladder')
    rest, channel = scene.ann.rest, guild['system_channel_id']
    mod, role = mod_of(scene, guild, VIEW | ROLES)
    where = '/channels/%s/permissions/' % channel
    mod.rest.put(where + mod.id, {'type': 1, 'allow': str(ROLES)}).refused(403, 50013)
    mod.rest.put(where + role, {'type': 0, 'allow': str(ROLES)}).refused(403, 50013)
    mod.rest.put(where + role, {'type': 0, 'allow': str(MESSAGES)}).refused(403, 50013)
    mod.rest.put(where + role, {'type': 0, 'deny': str(SEND)}).ok(204)
    mod.rest.put(where + role, {'type': 0, 'deny': str(MESSAGES)}).refused(403, 50013)
    rest.put(where + mod.id, {'type': 1, 'allow': str(ROLES)}).ok(204)
    mod.rest.put(where + role, {'type': 0, 'allow': str(MESSAGES | ROLES)}).ok(204)
    mod.rest.delete(where + UNKNOWN).refused(404, 10009)
    rest.delete(path).ok(204)


@step('roles: nobody lifts themselves, by the order, by @everyone, by a role of their own')
def _(scene):
    guild, path = made(scene, 'stairs')
    rest = scene.ann.rest
    mod, own = mod_of(scene, guild, VIEW | ROLES)
    low = rest.post(path + '/roles', {'name': 'low', 'permissions': '0'}).ok(200)['id']
    high = rest.post(path + '/roles', {'name': 'high', 'permissions': str(MESSAGES)}).ok(200)['id']
    rest.patch(path + '/roles', [{'id': low, 'position': 1}, {'id': own, 'position': 2}, {'id': high, 'position': 3}]).ok(200)
    for moves in ([(low, 2)], [(low, 3)], [(own, 3)], [(high, 1)], [(own, 1)]):
        mod.rest.patch(path + '/roles', [{'id': i, 'position': p} for i, p in moves]).refused(403, 50013)
    for role in (own, high):
        mod.rest.patch('%s/roles/%s' % (path, role), {'name': 'x'}).refused(403, 50013)
        mod.rest.delete('%s/roles/%s' % (path, role)).refused(403, 50013)
        mod.rest.put('%s/members/%s/roles/%s' % (path, mod.id, role)).refused(403, 50013)
        mod.rest.delete('%s/members/%s/roles/%s' % (path, mod.id, role)).refused(403, 50013)
    everyone = int(rest.get('%s/roles/%s' % (path, guild['id'])).ok(200)['permissions'])
    mod.rest.patch('%s/roles/%s' % (path, guild['id']), {'permissions': str(everyone | MESSAGES)}).refused(403, 50013)
    mod.rest.patch('%s/roles/%s' % (path, guild['id']), {'permissions': str(everyone & ~SEND)}).ok(200)
    mod.rest.patch('%s/roles/%s' % (path, low), {'permissions': str(8)}).refused(403, 50013)
    mod.rest.patch('%s/roles/%s' % (path, low), {'permissions': str(ROLES)}).ok(200)
    rest.delete('%s/roles/%s' % (path, guild['id'])).refused(400, 50028)
    bot = scene.world.bot(scene.ann, 'helper')
    scene.world.add_bot(scene.ann, bot, guild['id'], permissions=VIEW)
    managed = [r for r in rest.get(path + '/roles').ok(200) if r.get('tags', {}).get('bot_id') == bot.id][0]
    rest.delete('%s/roles/%s' % (path, managed['id'])).refused(400, 50028)
    rest.put('%s/members/%s/roles/%s' % (path, mod.id, managed['id'])).refused(400, 50028)
    stranger = scene.world.person('far')
    for call in ('/roles', '/roles/member-counts'):
        stranger.rest.get(path + call).refused(404, 10004)
    member(scene, guild, 'plain').rest.get('%s/roles/%s/member-ids' % (path, low)).refused(403, 50013)
    rest.delete(path).ok(204)


@step('an invite is taken back by who manages its channel, or the guild, or made it')
def _(scene):
    guild, path = made(scene, 'doors')
    rest, channel = scene.ann.rest, guild['system_channel_id']
    mod, role = mod_of(scene, guild, VIEW | CHANNELS)
    code = lambda who=scene.ann: who.rest.post('/channels/%s/invites' % channel, {'unique': True}).ok(200)['code']
    mod.rest.delete('/invites/' + code()).ok(200)
    rest.put('/channels/%s/permissions/%s' % (channel, role), {'type': 0, 'deny': str(CHANNELS)}).ok(204)
    mod.rest.delete('/invites/' + code()).refused(403, 50013)
    mod.rest.delete('/invites/' + code(mod)).ok(200)
    rest.patch('%s/roles/%s' % (path, role), {'permissions': str(VIEW | GUILD)}).ok(200)
    mod.rest.delete('/invites/' + code(), reason='old').ok(200)
    eq(entry(scene, path, 42, user_id=mod.id, reason='old')['action_type'], 42)
    rest.delete(path).ok(204)


def second_factor(person):
    """Switches it on; the way to switch it off again."""
    secret = base64.b32encode(os.urandom(20)).decode()
    body = person.rest.post('/users/@me/mfa/totp/enable', {'password': PASSWORD, 'secret': secret, 'code': one_time(secret)}).ok(200)
    person.rest.authorization = body['token']
    codes = [c['code'] for c in body['backup_codes']]

    def off():
        person.rest.authorization = person.rest.post('/users/@me/mfa/totp/disable', {'code': codes.pop()}).ok(200)['token']
    return off


@step('a guild that asks for a second factor: powers are void without one, a bot has its owner\'s')
def _(scene):
    owner = scene.world.person('own')
    guild = scene.world.guild(owner, 'vault')
    path, channel = '/guilds/' + guild['id'], guild['system_channel_id']
    owner.rest.post(path + '/mfa', {'level': 1}).refused(403, 60003)
    owner_off = second_factor(owner)
    eq(owner.rest.post(path + '/mfa', {'level': 1}).ok(200)['level'], 1)
    eq(owner.rest.get(path).ok(200)['mfa_level'], 1)
    scene.bob.rest.post(path + '/mfa', {'level': 1}).refused(404, 10004)
    admin = scene.world.person('adm')
    scene.world.join(admin, owner, channel)
    role = owner.rest.post(path + '/roles', {'name': 'admin', 'permissions': '8'}).ok(200)['id']
    owner.rest.put('%s/members/%s/roles/%s' % (path, admin.id, role)).ok(204)
    eve = scene.world.person('eve')
    scene.world.join(eve, owner, channel)
    said = owner.rest.post('/channels/%s/messages' % channel, {'content': 'x'}).ok(200)['id']
    code = owner.rest.post('/channels/%s/invites' % channel, {}).ok(200)['code']
    app = scene.world.bot(admin, 'helper')

    def try_all(who):
        return [who.rest.request(*call) for call in (
            ('DELETE', '%s/members/%s' % (path, eve.id)),
            ('PUT', '%s/bans/%s' % (path, eve.id), {}),
            ('PATCH', path, {'name': 'mine'}),
            ('POST', path + '/channels', {'name': 'x'}),
            ('PATCH', '/channels/' + channel, {'name': 'x'}),
            ('DELETE', '/channels/' + channel),
            ('PUT', '/channels/%s/permissions/%s' % (channel, guild['id']), {'type': 0}),
            ('POST', path + '/roles', {'name': 'x'}),
            ('DELETE', '%s/roles/%s' % (path, guild['id'])),
            ('PUT', '%s/members/%s/roles/%s' % (path, eve.id, role)),
            ('PATCH', '%s/members/%s' % (path, eve.id), {'roles': []}),
            ('DELETE', '/channels/%s/messages/%s' % (channel, said)),
            ('DELETE', '/channels/%s/messages/%s/reactions' % (channel, said)),
            ('DELETE', '/invites/' + code))]

    for answer in try_all(admin):
        answer.refused(403, 60003)
    admin.rest.post('/oauth2/authorize', {'authorize': True, 'guild_id': guild['id'], 'permissions': '0'}, query={
        'client_id': app.application_id, 'scope': 'bot', 'permissions': 0}).refused(403, 60003)
    admin.rest.patch('%s/members/%s' % (path, eve.id), {'nick': 'Eve'}).ok(200)  # needs none
    bot = scene.world.bot(owner, 'keeper')
    scene.world.add_bot(owner, bot, guild['id'])
    bot.rest.patch(path, {'name': 'kept'}).ok(200)
    owner_off()
    deadline = time.monotonic() + 5
    while bot.rest.patch(path, {'name': 'k%d' % time.monotonic_ns()}).status == 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    for answer in try_all(bot):
        answer.refused(403, 60003)
    off = second_factor(admin)
    admin.rest.delete('/channels/%s/messages/%s' % (channel, said)).ok(204)
    off()
    second_factor(owner)
    owner.rest.post(path + '/mfa', {'level': 0}).ok(200)
    admin.rest.delete('%s/members/%s' % (path, eve.id)).ok(204)


@step('small refusals: of a guild\'s pages, one\'s own member, tags, files')
def _(scene):
    guild, path = made(scene, 'small')
    rest, channel = scene.ann.rest, guild['system_channel_id']
    plain, far = member(scene, guild, 'plain'), scene.world.person('far')
    preview = plain.rest.get(path + '/preview').ok(200)
    eq((preview['name'], preview['approximate_member_count']), ('small', 2))
    far.rest.get(path + '/preview').refused(404, 10004)
    eq(rest.get(path + '/vanity-url').ok(200), {'code': None, 'uses': 0})
    plain.rest.get(path + '/vanity-url').refused(403, 50013)
    plain.rest.patch(path + '/members/@me', {'nick': 'x' * 33}).refused(400, 50035, 'nick')
    plain.rest.patch(path + '/members/@me/nick', {'nick': 'x' * 33}).refused(400, 50035, 'nick')
    eq(plain.rest.patch(path + '/members/@me/nick', {'nick': 'Plain'}).ok(200)['nick'], 'Plain')
    everyone = int(rest.get('%s/roles/%s' % (path, guild['id'])).ok(200)['permissions'])
    rest.patch('%s/roles/%s' % (path, guild['id']), {'permissions': str(everyone & ~(1 << 26))}).ok(200)
    plain.rest.patch(path + '/members/@me', {'nick': 'Other'}).refused(403, 50013)
    plain.rest.post(path + '/members/supplemental', {'user_ids': [plain.id]}).refused(403, 50013)
    forum = rest.post(path + '/channels', {'name': 'f', 'type': 15, 'available_tags': [{'name': 'one'}]}).ok(201)
    tag = '/channels/%s/tags/%s' % (forum['id'], forum['available_tags'][0]['id'])
    plain.rest.delete(tag).refused(403, 50013)
    plain.rest.put(tag, {'name': 'x'}).refused(403, 50013)
    rest.delete('/channels/%s/tags/%s' % (forum['id'], UNKNOWN)).refused(404, 10087)
    rest.post('/attachments/refresh-urls', {}).refused(400, 50035, 'attachment_urls')
    rest.post('/channels/%s/attachments' % channel, {'files': []}).refused(400, 50035, 'files')
    hide(scene, guild, channel)
    plain.rest.post('/channels/%s/attachments' % channel, {'files': [{'filename': 'a', 'file_size': 1}]}).refused(403, 50001)
    rest.delete(path).ok(204)
