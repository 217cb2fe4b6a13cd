"""Two unmodified discord.py bots in one guild, its owner ann and a plain member bob by REST.

discord.py asks for zstd-stream when the zstandard package is there, else for zlib-stream; E2E_COMPRESS says which it shall be.
"""

import asyncio
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
WANTED = os.environ.get('E2E_COMPRESS', 'zlib-stream')
if WANTED == 'zlib-stream':
    sys.modules['zstandard'] = None  # as if it were not installed
import discord  # noqa: E402
import discord.gateway  # noqa: E402
import discord.http  # noqa: E402
import yarl  # noqa: E402

from lib.steps import Skip  # noqa: E402,F401
from lib.world import World as People  # noqa: E402

UNKNOWN = '1000000000000000001'
STEPS = []


def step(name, seconds=30):
    def add(function):
        STEPS.append((name, seconds, function))
        return function
    return add


def eq(got, wanted, what=''):
    if got != wanted:
        raise AssertionError('%swanted %r, got %r' % (what + ': ' if what else '', wanted, got))


def tag():
    return os.urandom(4).hex()


def check_compression():
    context = getattr(discord.utils, '_ActiveDecompressionContext')
    eq(context.COMPRESSION_TYPE, WANTED, 'compression of the library')


class Watch(discord.Client):
    """A client that remembers what was dispatched, so that an event that came before one asks for it counts too."""

    def __init__(self, name, **more):
        super().__init__(intents=discord.Intents.all(), max_messages=5000, **more)
        self.name, self.seen, self.start_at = name, [], 0
        self.news = asyncio.Event()

    def dispatch(self, event, /, *args, **kwargs):
        super().dispatch(event, *args, **kwargs)
        if event != 'socket_event_type':
            self.seen.append((event, args))
            self.news.set()

    async def on_error(self, event, *args, **kwargs):
        self.seen.append(('error', (event, sys.exc_info()[1])))

    def mark(self):
        self.start_at = len(self.seen)

    async def sees(self, event, where=lambda *args: True, seconds=5):
        """The arguments of an event of this step (on_EVENT) for which where(*args) holds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        at = self.start_at
        while True:
            while at < len(self.seen):
                name, args = self.seen[at]
                at += 1
                if name == event and where(*args):
                    return args
            left = until - loop.time()
            if left <= 0:
                names = [name for name, _ in self.seen[self.start_at:]]
                raise AssertionError('%s saw no such %s within %g s, but %s' % (
                    self.name, event, seconds, ', '.join(names[-12:]) or 'nothing'))
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), left)
            except asyncio.TimeoutError:
                pass

    def count(self, event, where=lambda *args: True):
        return sum(1 for name, args in self.seen[self.start_at:] if name == event and where(*args))


class World:
    def __init__(self, url):
        parts = urllib.parse.urlparse(url)
        self.url = url
        self.people = People(parts.hostname, parts.port)
        discord.http.Route.BASE = url + '/api/v10'
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL('ws://%s:%d/' % (parts.hostname, parts.port))
        discord.asset.Asset.BASE = url
        self.members = {}
        self.tasks = []

    async def login(self, bot, name, **more):
        watch = Watch(name, **more)
        task = asyncio.ensure_future(watch.start(bot.token))
        self.tasks.append((watch, task))
        ready = asyncio.ensure_future(watch.sees('ready', seconds=20))
        done, _ = await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready not in done:
            ready.cancel()
        for future in done:
            future.result()
        watch.rest = bot.rest
        return watch

    async def start(self):
        people = self.people
        self.ann = people.person('ann')
        guild = people.guild(self.ann, 'py hall')
        self.guild_id, self.hall = guild['id'], guild['system_channel_id']
        self.bot_a, self.bot_b = people.bot(self.ann, 'py a'), people.bot(self.ann, 'py b')
        people.add_bot(self.ann, self.bot_a, self.guild_id)
        people.add_bot(self.ann, self.bot_b, self.guild_id)
        self.a = await self.login(self.bot_a, 'bot a')
        self.b = await self.login(self.bot_b, 'bot b')

    async def wait_up(self):
        """A server that died is started again by the runner: wait for it and for the bots' return."""
        loop = asyncio.get_running_loop()
        until = loop.time() + 20
        await asyncio.sleep(0.3)
        while loop.time() < until:
            try:
                self.people.nobody.get('/gateway').ok(200)
                if all(watch.is_ready() and not watch.ws.socket.closed for watch, _ in self.tasks):
                    return
            except (OSError, AssertionError):
                pass
            await asyncio.sleep(0.1)

    def mark(self):
        for watch, _ in self.tasks:
            watch.mark()

    async def stop(self):
        for watch, task in self.tasks:
            await watch.close()
            try:
                await asyncio.wait_for(task, 5)
            except Exception:
                pass

    @property
    def ga(self):
        return self.guild(self.a)

    @property
    def gb(self):
        return self.guild(self.b)

    def guild(self, watch):
        guild = watch.get_guild(int(self.guild_id))
        assert guild, '%s does not have the guild' % watch.name
        return guild

    def member(self, name='bob'):
        """A plain member, the same for all steps that give this name."""
        if name not in self.members:
            person = self.people.person(name)
            self.people.join(person, self.ann, self.hall)
            self.members[name] = person
        return self.members[name]

    async def channel(self, **body):
        """A fresh channel as both bots hold it: (a's, b's)."""
        made = self.people.channel(self.ann, self.guild_id, 'c-' + tag(), **body)
        held = []
        for watch in (self.a, self.b):
            channel, = await watch.sees('guild_channel_create', lambda c: c.id == int(made['id']))
            held.append(channel)
        return held

    async def role(self, **body):
        made = self.ann.rest.post('/guilds/%s/roles' % self.guild_id, dict({'name': 'r-' + tag()}, **body)).ok(200)
        held = []
        for watch in (self.a, self.b):
            role, = await watch.sees('guild_role_create', lambda r: r.id == int(made['id']))
            held.append(role)
        return held

    def read(self, path, **query):
        """What ann reads at @path."""
        return self.ann.rest.get(path, query=query or None).ok(200)

    def message(self, message):
        return self.read('/channels/%d/messages/%d' % (message.channel.id, message.id))


async def refused(awaitable, status, code, text=None):
    """Asserts that a call of the library is refused; @text must be in the library's own words."""
    try:
        await awaitable
    except discord.HTTPException as error:
        if (error.status, error.code) != (status, code):
            raise AssertionError('wanted %d code %d, got %d code %d: %s' % (
                status, code, error.status, error.code, error.text)) from None
        if text and text not in error.text:
            raise AssertionError('no %r in %r' % (text, error.text)) from None
        return error
    raise AssertionError('wanted %d code %d, but it was allowed' % (status, code))
