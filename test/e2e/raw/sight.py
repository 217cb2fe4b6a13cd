"""Who sees a channel changes while things are said in it: a role, an overwrite, a timeout, a cut and a RESUME, in every order.

Five operations, each of which turns something on or off, run along a word that holds every order of the five; the word
is gone through from each state that the others leave behind. After each operation something is said, so an order that
leaks or loses is told by the very message."""

import datetime

from .base import eq, step
from .hidden import HIDDEN, check_hidden, weak_bot


def every_order(letters):
    """The shortest word in which each permutation of @letters stands somewhere in one piece (known minimal up to five)."""
    word = letters[0]
    for n in range(2, len(letters) + 1):
        longer, seen = '', set()
        for i in range(len(word) - n + 2):
            part = word[i:i + n - 1]
            if len(set(part)) == n - 1 and part not in seen:
                seen.add(part)
                piece = part + letters[n - 1] + part
                common = next(k for k in range(len(piece), -1, -1) if longer.endswith(piece[:k]))
                longer += piece[common:]
        word = longer
    return word


class Walk:
    def __init__(self, scene):
        self.scene, self.ann, self.bot = scene, scene.ann.rest, weak_bot(scene)
        self.role = self.ann.post('/guilds/%s/roles' % scene.guild_id, {'name': 'key', 'permissions': '0'}).ok(200)['id']
        self.channel = scene.channel(topic='plans', permission_overwrites=[
            dict(HIDDEN, id=scene.guild_id), {'id': self.role, 'type': 0, 'allow': '1024', 'deny': '0'}])
        self.gateway = self.bot.gateway()
        self.session, self.dispatches, self.sockets = self.gateway.session_id, {}, 0
        self.resumed = set()  # their numbers
        self.key = self.barred = self.timed_out = self.cut = False
        self.tomorrow = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(1)).isoformat()
        self.told = []  # what the session must get: a message's id, 'shown', 'hidden'
        self.unseen = set()

    def sees(self):
        return self.key and not self.barred

    def turn(self, letter):
        before = self.sees()
        member = '/guilds/%s/members/%s' % (self.scene.guild_id, self.bot.id)
        if letter == 'r':
            self.key = not self.key
            (self.ann.put if self.key else self.ann.delete)('%s/roles/%s' % (member, self.role)).ok(204)
        elif letter == 'o':
            self.barred = not self.barred
            path = '/channels/%s/permissions/%s' % (self.channel, self.bot.id)
            (self.ann.put(path, {'type': 1, 'allow': '0', 'deny': '1024'}) if self.barred else self.ann.delete(path)).ok(204)
        elif letter == 't':
            self.timed_out = not self.timed_out
            self.ann.patch(member, {'communication_disabled_until': self.tomorrow if self.timed_out else None}).ok(200)
        elif letter == 'c':
            self.connect() if self.cut else self.disconnect()
        if self.sees() != before:
            self.told.append('shown' if self.sees() else 'hidden')
        message = self.scene.say(self.scene.ann, 'said', self.channel)['id']
        if self.sees():
            self.told.append(message)
        else:
            self.unseen.add(message)

    def keep(self):
        for p in self.gateway.seen:
            if p['t'] == 'RESUMED':
                self.resumed.add(p['s'])
            elif p['op'] == 0:
                eq(self.dispatches.setdefault(p['s'], p), p, 'another event under the same number')
        self.gateway.seen.clear()

    def disconnect(self):
        self.cut = True
        self.keep()  # what has come by now; what is on its way is lost with the socket
        self.gateway.drop()

    def connect(self):
        self.cut = False
        self.sockets += 1
        seq, old = self.gateway.seq, self.gateway
        self.gateway = self.scene.gateway(compress='zlib-stream' if self.sockets % 2 else None)
        self.gateway.hello()
        self.gateway.resume(self.bot.token, self.session, seq)
        self.gateway.wait('RESUMED')
        eq([p for p in old.seen if p['op'] == 0], [], 'read after the cut')

    def read(self):
        """Takes all that is on its way: a message to the bot's eyes ends it."""
        if self.cut:
            return
        mark = self.scene.say(self.scene.ann, 'mark')['id']
        self.gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == mark)
        self.keep()

    def check(self):
        got = []
        for s in sorted(self.dispatches):
            p = self.dispatches[s]
            d = p['d']
            if p['t'] == 'CHANNEL_UPDATE' and d['id'] == self.channel:
                hidden = d['name'] == '___hidden___'
                if hidden:
                    check_hidden(self.scene, d, 'CHANNEL_UPDATE')
                got.append('hidden' if hidden else 'shown')
            elif p['t'] == 'MESSAGE_CREATE' and d['channel_id'] == self.channel:
                assert d['id'] not in self.unseen, 'it got %s, which was said while it did not see' % d['id']
                got.append(d['id'])
        eq(repeats_off(got), self.told)


def repeats_off(got):
    """An overwrite that leaves sight as it was is told too, in the form that the session had already."""
    sight, out = 'hidden', []
    for what in got:
        if what not in ('hidden', 'shown'):
            out.append(what)
        elif what != sight:
            out.append(what)
            sight = what
    return out


@step('sight, messages, cuts and RESUMEs in every order: nothing leaks, nothing is lost, and each change is told once')
def _(scene):
    word = every_order('rotcm')
    eq(len(word), 153)
    walk = Walk(scene)
    for prefix in ('', 'r', 'o', 't', 'ro'):  # with what the word itself leaves behind, all states are begun from
        for i, letter in enumerate(prefix + word):
            walk.turn(letter)
            if i % 7 == 0:
                walk.read()
    if walk.cut:
        walk.turn('c')
    walk.read()
    numbers = sorted(walk.dispatches)
    assert walk.sockets > 50, walk.sockets
    walk.check()
    eq(sorted(set(numbers) | walk.resumed), list(range(1, numbers[-1] + 1)), 'numbers')
    walk.gateway.close()


@step('the same, and every event is asked for again at the end')
def _(scene):
    walk = Walk(scene)
    first = walk.gateway.seq
    for letter in every_order('rotm') * 2:
        walk.turn(letter)
    walk.read()
    walk.check()
    before = dict(walk.dispatches)
    walk.gateway.drop()
    again = scene.gateway()
    again.hello()
    again.resume(walk.bot.token, walk.session, first)
    again.wait('RESUMED')
    replayed = {p['s']: p for p in again.seen if p['op'] == 0 and p['t'] != 'RESUMED'}
    eq(replayed, {s: p for s, p in before.items() if s > first})
    again.close()
