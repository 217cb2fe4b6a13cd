"""People, bots and guilds for a test, made through the public routes like anybody's."""

import os

from .gateway import Gateway
from .rest import Rest

PASSWORD = 'correct horse battery 9'
# Presence, members and message content, as granted to an application that is not verified.
PRIVILEGED = 1 << 13 | 1 << 15 | 1 << 19
ADMINISTRATOR = 8


class Actor:
    """Somebody with a token: a person or a bot."""

    def __init__(self, world, token, bot=False):
        self.world, self.token, self.bot = world, token, bot
        self.rest = Rest(world.host, world.port, ('Bot ' if bot else '') + token,
                         'v10' if bot else 'v9', None if bot else PASSWORD)
        me = self.rest.get('/users/@me').ok(200)
        self.id, self.name = me['id'], me['username']

    def gateway(self, start=True, intents=None, guilds=True, identify=None, **more):
        """A new session; people send no intents."""
        from .gateway import ALL_INTENTS
        gateway = Gateway(self.world.host, self.world.port, **more)
        if not start:
            return gateway
        if intents is None and self.bot:
            intents = ALL_INTENTS
        return gateway.start(self.token, intents, guilds, **(identify or {}))


class World:
    def __init__(self, host, port):
        self.host, self.port = host, port
        self.nobody = Rest(host, port)

    def person(self, name, **more):
        """Registers an account. Names get a suffix, so that a server may be tested twice."""
        username = '%s_%s' % (name, os.urandom(4).hex())
        body = {'username': username, 'password': PASSWORD, 'consent': True}
        body.update(more)
        token = self.nobody.post('/auth/register', body).ok(200, 201)['token']
        return Actor(self, token)

    def bot(self, owner, name, flags=PRIVILEGED):
        """An application of @owner's with its bot."""
        app = owner.rest.post('/applications', {'name': name}).ok(200, 201)
        token = owner.rest.post('/applications/%s/bot/reset' % app['id'], {}).ok(200)['token']
        if flags:
            owner.rest.patch('/applications/%s' % app['id'], {'flags': flags}).ok(200)
        bot = Actor(self, token, True)
        bot.application_id = app['id']
        return bot

    def guild(self, owner, name='e2e'):
        return owner.rest.post('/guilds', {'name': name}).ok(200, 201)

    def add_bot(self, owner, bot, guild_id, permissions=ADMINISTRATOR):
        query = {'client_id': bot.application_id, 'scope': 'bot', 'permissions': permissions}
        return owner.rest.post('/oauth2/authorize', {
            'authorize': True, 'guild_id': guild_id, 'permissions': str(permissions)}, query=query).ok(200)

    def channel(self, actor, guild_id, name='talk', **more):
        body = {'name': name, 'type': 0}
        body.update(more)
        return actor.rest.post('/guilds/%s/channels' % guild_id, body).ok(201)

    def join(self, person, inviter, channel_id):
        code = inviter.rest.post('/channels/%s/invites' % channel_id, {'unique': True}).ok(200)['code']
        return person.rest.post('/invites/%s' % code, {}).ok(200)
