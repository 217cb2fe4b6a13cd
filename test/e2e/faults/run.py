#!/usr/bin/env python3
"""What breaks in one guild stays there, and a stop costs nobody a session: with live clients."""

import glob
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..'))
from lib.server import ROOT, Server, free_port  # noqa: E402
from raw.base import Scene, Skip, eq, run_steps, step  # noqa: E402
from raw.stage import say, silent, told  # noqa: E402


def node():
    for path in [os.environ.get('NODE'), shutil.which('node')] + \
            sorted(glob.glob(os.path.join(ROOT, '.cache', 'node', '**', 'bin', 'node'), recursive=True)):
        if path and os.access(path, os.X_OK):
            return path
    raise Skip('no node')


class Clients:
    """A process with library clients, and what they said."""

    def __init__(self, *command):
        self.seen, self.changed = [], threading.Condition()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                if line.startswith('{'):
                    self.seen.append(json.loads(line))
                self.changed.notify_all()

    def all(self, bot, what, since=0):
        return [e for e in self.seen[since:] if e['bot'] == bot and e['what'] == what]

    def wait(self, bot, what, where=lambda e: True, since=0, timeout=15):
        until = time.monotonic() + timeout
        with self.changed:
            while True:
                for event in self.all(bot, what, since):
                    if where(event):
                        return event
                left = until - time.monotonic()
                if left <= 0:
                    raise AssertionError('bot %d did not see %s; last: %s' % (bot, what, self.seen[-8:]))
                self.changed.wait(left)

    def whole(self, bot, since=0):
        """No gap, no repeat in `s` from there on, as long as the session is the same."""
        numbers = [e['s'] for e in self.all(bot, 's', since)]
        for before, after in zip(numbers, numbers[1:]):
            assert after == before + 1, 'bot %d: s=%d after %d' % (bot, after, before)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def js(server, *bots):
    return Clients(node(), os.path.join(HERE, 'bots.mjs'), server.url, *[b.token for b in bots])


def py(server, bot):
    return Clients(sys.executable, os.path.join(HERE, 'bot.py'), server.url, bot.token)


class Houses:
    """Guilds of ann's, a bot in each of them alone."""

    def __init__(self, server, count):
        self.scene = Scene(server.url)
        self.ann = self.scene.ann
        self.guilds = [self.scene.world.guild(self.ann, 'house %d' % i) for i in range(count)]
        self.bots = []
        for guild in self.guilds:
            bot = self.scene.world.bot(self.ann, 'keeper')
            self.scene.world.add_bot(self.ann, bot, guild['id'])
            self.bots.append(bot)

    def id(self, n):
        return self.guilds[n]['id']

    def say(self, n, text):
        return self.ann.rest.post('/channels/%s/messages' % self.guilds[n]['system_channel_id'], {'content': text})


def operate(server, *words):
    return server.operator('--data', os.path.join(server.data, 'data'), *words)


def fault(server, name, guild, *more):
    code, out = operate(server, 'fault', name, guild, *more)[:2]
    assert code == 0, out


class Neighbours:
    """Talks in the other guilds all the while, and says afterwards what their bots made of it."""

    def __init__(self, houses, clients, *which):
        self.houses, self.clients, self.which = houses, clients, which
        self.sent, self.ending = [], threading.Event()

    def __enter__(self):
        self.since = len(self.clients.seen)
        self.rest = Scene('http://%s:%d' % (self.houses.scene.host, self.houses.scene.port))
        self.thread = threading.Thread(target=self._talk, daemon=True)
        self.thread.start()
        time.sleep(0.3)
        return self

    def _talk(self):
        from lib.rest import Rest
        rest = Rest(self.houses.ann.rest.host, self.houses.ann.rest.port, self.houses.ann.token, 'v9')
        n = 0
        while not self.ending.wait(0.03):
            for which in self.which:
                n += 1
                text, begin = 'n%d' % n, int(time.time() * 1000)
                answer = rest.post('/channels/%s/messages' % self.houses.guilds[which]['system_channel_id'], {'content': text})
                self.sent.append((which, text, begin, answer.status))

    def __exit__(self, kind, *_):
        time.sleep(0.3)
        self.ending.set()
        self.thread.join(10)
        if kind:
            return
        worst = 0
        for which, text, begin, status in self.sent:
            eq(status, 200, 'a message to a neighbour')
            event = self.clients.wait(which, 'message', lambda e: e['content'] == text, self.since)
            worst = max(worst, event['at'] - begin)
        assert len(self.sent) > 10
        for which in self.which:
            self.clients.whole(which, self.since)
            for what in ('reconnecting', 'disconnected', 'resumed', 'unavailable', 'left', 'invalidated', 'error', 'thrown'):
                eq(self.clients.all(which, what, self.since), [], 'the neighbour')
        print('# %d messages beside it, the slowest after %d ms' % (len(self.sent), worst))
        assert worst < 1000, 'a neighbour waited %d ms' % worst


@step('a server without faults = true breaks nothing')
def _():
    with Server() as server:
        scene = Scene(server.url)
        code, out = operate(server, 'fault', 'check', scene.guild_id)[:2]
        eq(code, 1)
        code, out = operate(server, 'fault', 'assert', scene.guild_id)[:2]
        eq(code, 1)
        scene.say(scene.ann, 'still here')


@step('faults in one guild: the bots of others see nothing, its own see what libraries expect')
def _():
    with Server(settings={'faults': 'true'}) as server:
        houses = Houses(server, 3)
        with js(server, *houses.bots) as clients:
            for n in range(3):
                clients.wait(n, 'ready')
            bad = houses.id(0)

            for name in ('check', 'row'):
                since = len(clients.seen)
                with Neighbours(houses, clients, 1, 2):
                    fault(server, name, bad)
                    if name == 'check':
                        eq(houses.say(0, 'broken').status, 503)
                    else:
                        houses.ann.rest.get('/channels/%s/messages/%s' % (houses.guilds[0]['system_channel_id'], bad))
                    until = time.monotonic() + 5
                    while houses.say(0, 'whole ' + name).status != 200:
                        assert time.monotonic() < until
                        time.sleep(0.05)
                clients.wait(0, 'message', lambda e: e['content'] == 'whole ' + name, since)
                clients.whole(0, since)
                eq(clients.all(0, 'unavailable', since), [], 'it was quick')

            since = len(clients.seen)
            with Neighbours(houses, clients, 1, 2):
                fault(server, 'write', bad)
                answer = houses.say(0, 'lost')
                eq(answer.status, 503)
                eq(answer.body['code'], 0)
                houses.say(0, 'after a write').ok(200)
            clients.wait(0, 'message', lambda e: e['content'] == 'after a write', since)
            eq([e['content'] for e in clients.all(0, 'message', since)], ['after a write'])
            eq(clients.all(0, 'unavailable', since), [])

            # What failed and is there all the same: the guild comes anew, with it.
            since = len(clients.seen)
            with Neighbours(houses, clients, 1, 2):
                fault(server, 'landed', bad)
                answer = houses.ann.rest.post('/guilds/%s/channels' % bad, {'name': 'landed', 'type': 0})
                eq(answer.status, 503)
                clients.wait(0, 'unavailable', since=since)
                clients.wait(0, 'available', since=since)
            created = [e for e in clients.all(0, 's', since) if e['t'] == 'GUILD_CREATE']
            eq(len(created), 1)
            names = [c['name'] for c in houses.bots[0].rest.get('/guilds/%s/channels' % bad).ok(200)]
            assert 'landed' in names, names
            clients.whole(0, since)

            # Three loads fail: it refuses, says so, and comes back by itself.
            since = len(clients.seen)
            with Neighbours(houses, clients, 1, 2):
                fault(server, 'load', bad, '--times', '3')
                clients.wait(0, 'unavailable', since=since, timeout=5)
                answer = houses.say(0, 'refused')
                eq(answer.status, 503)
                eq(sorted(answer.body), ['code', 'message'])
                eq(houses.scene.world.nobody.get('/gateway').status, 200)
                clients.wait(0, 'available', since=since, timeout=20)
                houses.say(0, 'back again').ok(200)
            clients.wait(0, 'message', lambda e: e['content'] == 'back again', since)
            clients.whole(0, since)
            eq(clients.all(0, 'reconnecting', since), [])
            print('# away for %d ms' % (clients.all(0, 'available', since)[0]['at'] - clients.all(0, 'unavailable', since)[0]['at']))


@step('a guild whose crowd is too far behind: writes are refused by 429 of scope shared, reads are not')
def _():
    with Server(settings={'faults': 'true'}) as server:
        houses = Houses(server, 2)
        with js(server, *houses.bots) as clients:
            for n in range(2):
                clients.wait(n, 'ready')
            bad, since = houses.id(0), len(clients.seen)
            with Neighbours(houses, clients, 1):
                fault(server, 'behind', bad, '--times', '2')
                houses.ann.rest.get('/guilds/%s/channels' % bad).ok(200)
                answer = houses.say(0, 'refused')
                eq((answer.status, answer.headers['x-ratelimit-scope'], answer.headers['retry-after']), (429, 'shared', '1'))
                eq((answer.body['retry_after'], answer.body['global']), (1.0, False))
                eq(houses.ann.rest.patch('/guilds/%s' % bad, {'name': 'refused'}).status, 429)
                houses.say(0, 'after it').ok(200)
            clients.wait(0, 'message', lambda e: e['content'] == 'after it', since)
            eq([e['content'] for e in clients.all(0, 'message', since)], ['after it'])
            clients.whole(0, since)


def log_of(server):
    with open(server.log_path) as log:
        return log.read()


def resumed(scene, who, session, seq):
    gateway = scene.gateway()
    gateway.hello()
    gateway.resume(who.token, session, seq)
    gateway.wait('RESUMED', timeout=20)
    return gateway


def metric(server, name):
    port = int(server.settings['metrics_listen'].rpartition(':')[2])
    with urllib.request.urlopen('http://127.0.0.1:%d/metrics' % port, timeout=10) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line.startswith(name)]
    return sum(float(line.split()[-1]) for line in lines)


@step('faults in one account: it is restarted or refuses, with a metric; other accounts and its guild see nothing')
def _():
    with Server(settings={'faults': 'true', 'metrics_listen': '127.0.0.1:%d' % free_port()}) as server:
        houses = Houses(server, 2)
        scene, victim = houses.scene, houses.bots[0]
        with js(server, *houses.bots) as clients:
            for n in range(2):
                clients.wait(n, 'ready')
            restarts = metric(server, 'rookery_cell_restarts_total')
            with Neighbours(houses, clients, 0, 1):
                fault(server, 'check', victim.id, '--user')
                eq(victim.rest.patch('/users/@me', {'username': 'checked'}).status, 503)
                until = time.monotonic() + 5
                while victim.rest.get('/users/@me').status != 200:
                    assert time.monotonic() < until
                    time.sleep(0.05)
            eq(metric(server, 'rookery_cell_restarts_total'), restarts + 1)
            # Its row does not decode three times in a row: a refusal, until one does. What was said to it meanwhile is not kept
            # for it, so its sessions begin anew.
            since = len(clients.seen)
            with Neighbours(houses, clients, 1):
                fault(server, 'row', victim.id, '--user', '--times', '4')
                fault(server, 'check', victim.id, '--user')
                eq(victim.rest.patch('/users/@me', {'username': 'checked'}).status, 503)
                until = time.monotonic() + 5
                while metric(server, 'rookery_cells_refusing') != 1:
                    assert time.monotonic() < until
                    time.sleep(0.05)
                answer = victim.rest.patch('/users/@me', {'username': 'checked'})
                eq(answer.status, 503)
                eq(houses.ann.rest.get('/users/@me').status, 200)
                until = time.monotonic() + 20
                while metric(server, 'rookery_cells_refusing'):
                    assert time.monotonic() < until
                    time.sleep(0.1)
                victim.rest.get('/users/@me').ok(200)
            clients.wait(0, 's', lambda e: e['t'] == 'READY', since=since, timeout=20)
            clients.wait(0, 'available', since=since)
            since = len(clients.seen)
            houses.say(0, 'all is well').ok(200)
            clients.wait(0, 'message', lambda e: e['content'] == 'all is well', since)
            log = log_of(server)
            eq(log.count('restarting kind=user id=%s why="check failed' % victim.id), 2)
            eq(log.count('load failed three times, refusing until one works kind=user id=%s' % victim.id), 1)
            scene.say(scene.ann, 'as before')


@step('faults in one account: friends are told of each other afterwards as before')
def _():
    with Server(settings={'faults': 'true'}) as server:
        world = Scene(server.url).world
        for first in (True, False):
            one, two = sorted((world.person('rel') for _ in range(2)), key=lambda p: int(p.id), reverse=first)
            relation = lambda person: '/users/@me/relationships/%s' % person.id
            one.rest.put(relation(two), {}).ok(204)
            two.rest.put(relation(one), {}).ok(204)
            mine, theirs = one.gateway(guilds=False), two.gateway(guilds=False)
            for victim in (one, two):
                fault(server, 'check', victim.id, '--user')
                eq(victim.rest.patch('/users/@me/settings', {'status': 'online'}).status, 503)
                until = time.monotonic() + 5
                while victim.rest.get('/users/@me').status != 200:
                    assert time.monotonic() < until
                    time.sleep(0.05)
                time.sleep(0.3)  # its sessions come back
                for status in ('idle', 'dnd'):
                    say(mine, status)
                    say(theirs, status)
                    told(theirs, one, lambda d: d['status'] == status)
                    told(mine, two, lambda d: d['status'] == status)
            # An act whose second half is carried out while the other is away.
            fault(server, 'row', two.id, '--user', '--times', '2')
            fault(server, 'check', two.id, '--user')
            eq(two.rest.patch('/users/@me/settings', {'status': 'online'}).status, 503)
            answer = one.rest.delete(relation(two))
            until = time.monotonic() + 10
            while answer.status == 503:
                assert time.monotonic() < until
                time.sleep(0.1)
                answer = one.rest.delete(relation(two))
            assert answer.status in (204, 404), answer.status
            while two.rest.get('/users/@me').status != 200:
                assert time.monotonic() < until
                time.sleep(0.1)
            for person in (one, two):
                eq(person.rest.get('/users/@me/relationships').ok(200), [])
            theirs.drop()  # its session may have begun anew
            again = two.gateway(guilds=False)
            eq((again.ready['relationships'], again.ready['presences']), ([], []))
            say(mine, 'online')
            silent(again, one, timeout=0.3)
            mine.close()
            again.close()
        server.stop()


@step('faults in one session: it alone ends, is logged once and counted; the others of its guild miss nothing')
def _():
    with Server(settings={'faults': 'true', 'metrics_listen': '127.0.0.1:%d' % free_port()}) as server:
        scene = Scene(server.url)
        bad, good, person = scene.bot.gateway(), scene.bot.gateway(), scene.ann.gateway()
        session, seq = bad.ready['session_id'], bad.seq
        fault(server, 'ring', session)
        scene.say(scene.ann, 'one too much')
        eq(bad.wait_close(), 4000)
        for gateway in (good, person):
            gateway.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'one too much')
        refused(scene, scene.bot, session, seq)
        code, out = operate(server, 'fault', 'ring', session)[:2]
        eq(code, 1, 'there is no such session')
        eq(log_of(server).count('warn a session could not hold its events'), 1)
        eq(metric(server, 'rookery_gateway_sessions_spoiled_total'), 1)
        anew = scene.bot.gateway()
        scene.say(scene.ann, 'whole')
        for gateway in (good, person, anew):
            gateway.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'whole')

        # A stored session that cannot be read: the others of that run come back.
        names = [(g.ready['session_id'], g.seq) for g in (good, person, anew)]
        fault(server, 'kept', names[0][0])
        for gateway in (good, person, anew):
            gateway.drop()
        server.stop()
        server.start()
        refused(scene, scene.bot, *names[0])
        for actor, (name, seq) in zip((scene.ann, scene.bot), names[1:]):
            gateway = resumed(scene, actor, name, seq)
            gateway.close()
        eq(log_of(server).count('warn a session of the last run cannot be read'), 1)
        eq(metric(server, 'rookery_gateway_sessions_spoiled_total'), 1)


@step('a clean stop: sessions resume after it, with every event of before it, once')
def _():
    with Server() as server:
        scene = Scene(server.url)
        gateway, person = scene.bot.gateway(), scene.ann.gateway()
        hall = scene.hall
        scene.say(scene.ann, 'before')
        gateway.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'before')
        person.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'before')
        held, session = gateway.seq, gateway.ready['session_id']
        mine, my_session = person.seq, person.ready['session_id']
        gateway.ws.drop()
        person.ws.drop()
        for i in range(50):
            scene.say(scene.ann, 'missed %d' % i)
        scene.ann.rest.post('/guilds/%s/channels' % scene.guild_id, {'name': 'missed', 'type': 0}).ok(201)
        server.stop()
        server.start()
        again, me = scene.gateway(), scene.gateway()
        for socket, who, name, seq in ((again, scene.bot, session, held), (me, scene.ann, my_session, mine)):
            socket.hello()
            socket.resume(who.token, name, seq)
            socket.wait('RESUMED')
            numbers = [p['s'] for p in socket.seen if p.get('s')]
            eq(numbers, list(range(seq + 1, seq + 1 + len(numbers))), 's')
            said = [p['d']['content'] for p in socket.seen if p['t'] == 'MESSAGE_CREATE']
            eq(said, ['missed %d' % i for i in range(50)])
            eq(len([p for p in socket.seen if p['t'] == 'CHANNEL_CREATE' and p['d']['name'] == 'missed']), 1)
        scene.ann.rest.post('/channels/%s/messages' % hall, {'content': 'after'}).ok(200)
        for socket in (again, me):
            eq(socket.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'after')['s'],
               max(p['s'] for p in socket.seen if p.get('s')))
        # The same name with somebody else's token is no way in.
        thief = scene.gateway()
        thief.hello()
        thief.resume(scene.bob.token, session, held)
        thief.wait(op=9)


def refused(scene, who, session, seq):
    socket = scene.gateway()
    socket.hello()
    socket.resume(who.token, session, seq)
    payload = socket.wait(op=9)
    eq(payload['d'], False)


@step('after a kill, and when the store was opened in between, RESUME is refused and IDENTIFY works')
def _():
    with Server() as server:
        scene = Scene(server.url)
        gateway = scene.bot.gateway()
        server.kill()
        server.start()
        refused(scene, scene.bot, gateway.ready['session_id'], gateway.seq)
        gateway = scene.bot.gateway()
        server.stop()
        code, out = operate(server, 'users', 'list')[:2]
        eq(code, 0, out)
        server.start()
        refused(scene, scene.bot, gateway.ready['session_id'], gateway.seq)
        gateway = scene.bot.gateway()
        # Once taken up they are gone: a kill after the restart leaves nothing.
        server.stop()
        server.start()
        server.kill()
        server.start()
        refused(scene, scene.bot, gateway.ready['session_id'], gateway.seq)
        scene.bot.gateway()


def restart_under(server, houses, clients, stop):
    clients.wait(0, 'ready')
    houses.say(0, 'first').ok(200)
    clients.wait(0, 'message', lambda e: e['content'] == 'first')
    since, begin = len(clients.seen), time.monotonic()
    for i in range(20):
        houses.say(0, 'm%d' % i).ok(200)
    stop()
    died = time.monotonic()
    server.start()
    up = time.monotonic()
    return since, begin, died, up


def resumes_over_a_restart(library, timeout):
    with Server() as server:
        houses = Houses(server, 1)
        with library(server, houses.bots[0]) as clients:
            since, _, died, up = restart_under(server, houses, clients, server.stop)
            clients.wait(0, 'resumed', since=since, timeout=timeout)
            print('# resumed %.2f s after the stop, %.2f s after the start' % (time.monotonic() - died, time.monotonic() - up))
            houses.say(0, 'after').ok(200)
            clients.wait(0, 'message', lambda e: e['content'] == 'after', since)
            eq([e['content'] for e in clients.all(0, 'message', since)], ['m%d' % i for i in range(20)] + ['after'])
            clients.whole(0, since)
            eq(len(clients.all(0, 'ready')), 1)


@step('discord.js resumes over a restart and misses nothing')
def _():
    resumes_over_a_restart(js, 30)


@step('discord.py resumes over a restart and misses nothing')
def _():
    resumes_over_a_restart(py, 60)


@step('an assertion ends the process; discord.js identifies when it is back')
def _():
    with Server(settings={'faults': 'true'}) as server:
        houses = Houses(server, 1)
        with js(server, houses.bots[0]) as clients:
            clients.wait(0, 'ready')
            operate(server, 'fault', 'assert', houses.id(0))
            eq(server.process.wait(10) < 0, True, 'by a signal')
            server.start()
            since = len(clients.seen)
            clients.wait(0, 's', lambda e: e['t'] == 'READY', since=since, timeout=30)
            houses.say(0, 'here').ok(200)
            clients.wait(0, 'message', lambda e: e['content'] == 'here', since)


if __name__ == '__main__':
    sys.exit(run_steps().end())
