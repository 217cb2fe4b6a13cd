#!/usr/bin/env python3
"""A guild of a million members: what it takes in memory, how it loads, what its lists, searches and messages cost.

    bench/members.py [BUILD [MEMBERS [PART...]]]

Parts: load, ask, walk, lists, crowd; all when none is named; create by its name only. Twenty sets of overwrites, three of them watched; a tenth of the
members is online, by direct injection (bench/members_daemon.c). Processor time is what the whole server took of it; a wait is
how long a message to a core had to wait at the longest, and how long the core worked meanwhile. Times depend on what else the
machine does, processor time less so."""
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, sys.argv[1] if len(sys.argv) > 1 else 'build/release')
MEMBERS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
PARTS = sys.argv[3:] or ['load', 'ask', 'walk', 'lists', 'crowd']
DAEMON = os.path.join(BUILD, 'test/load_members_daemon')
os.environ.setdefault('ROOKERYD', os.path.join(BUILD, 'rookeryd'))
sys.path.insert(0, os.path.join(ROOT, 'test/e2e'))
from lib.server import Server  # noqa: E402
from lib.world import World  # noqa: E402
from lib.rest import Rest  # noqa: E402


class Patient(Rest):
    """Another connection of somebody's."""

    def __init__(self, port, actor):
        super().__init__('127.0.0.1', port, ('Bot ' if actor.bot else '') + actor.token)

    def request(self, *words, **more):
        return super().request(*words, **dict({'timeout': 180}, **more))


class Bench:
    def __init__(self):
        self.pipes = tempfile.mkdtemp(prefix='rookery-bench-')
        names = [os.path.join(self.pipes, name) for name in ('control', 'answers')]
        for name in names:
            os.mkfifo(name)
        self.server = Server(cores=2, binary=DAEMON, env={'BENCH_CONTROL': names[0], 'BENCH_ANSWERS': names[1]})
        self.names = names

    def start(self):
        self.server.start(timeout=180)
        self.control, self.answers = open(self.names[0], 'w'), open(self.names[1])

    def stop(self):
        self.control.close()
        self.answers.close()
        self.server.stop()

    def order(self, text):
        self.control.write(text + '\n')
        self.control.flush()
        return self.answers.readline().strip()

    def wait_ms(self):
        """The longest that any core kept a message waiting since the last call; the longest work that one waited for."""
        waits = [pair.split('/') for pair in self.order('wait').split()]
        return '%.1f ms (%.1f of work)' % tuple(max(int(pair[i]) for pair in waits) / 1000 for i in (0, 1))

    def resident_mb(self):
        with open('/proc/%d/status' % self.server.process.pid) as status:
            return int([line for line in status if line.startswith('VmRSS')][0].split()[1]) / 1024

    def cpu_s(self):
        """Of all its threads, in nanosecond steps."""
        total, folder = 0, '/proc/%d/task' % self.server.process.pid
        for task in os.listdir(folder):
            with open('%s/%s/schedstat' % (folder, task)) as schedstat:
                total += int(schedstat.read().split()[0])
        return total / 1e9


class Measured:
    """Wall and processor time of a block, and the longest wait in it."""

    def __init__(self, bench):
        self.bench = bench

    def __enter__(self):
        self.bench.wait_ms()
        self.begin, self.cpu = time.monotonic(), self.bench.cpu_s()
        return self

    def __exit__(self, *_):
        self.s = time.monotonic() - self.begin
        self.cpu_s = self.bench.cpu_s() - self.cpu
        self.wait_ms = self.bench.wait_ms()


def percentile(times, p):
    return sorted(times)[min(len(times) - 1, int(len(times) * p / 100))] * 1000


class Meanwhile(threading.Thread):
    """Requests one after the other until it is told to stop; how long each took."""

    def __init__(self, call):
        super().__init__(daemon=True)
        self.call, self.times, self.over = call, [], False
        self.start()

    def run(self):
        while not self.over:
            begin = time.monotonic()
            self.call()
            self.times.append(time.monotonic() - begin)
            time.sleep(0.002)

    def end(self):
        self.over = True
        self.join()
        return '%d requests, p50 %.1f ms, p99 %.1f ms, longest %.1f ms' % (
            len(self.times), percentile(self.times, 50), percentile(self.times, 99), max(self.times) * 1000)


def prepare(bench):
    """The guild; one beside it on the same core; and who owns both."""
    bench.start()
    world = World('127.0.0.1', bench.server.port)
    owner = world.person('owner')
    guild = world.guild(owner, 'large')
    roles = [owner.rest.post('/guilds/%s/roles' % guild['id'], {'name': 'r%d' % i, 'hoist': i < 10}).ok(200)['id']
             for i in range(20)]
    channels = [world.channel(owner, guild['id'], 'c%d' % i, permission_overwrites=[
        {'id': guild['id'], 'type': 0, 'deny': '1024'}, {'id': role, 'type': 0, 'allow': '1024'}])['id']
        for i, role in enumerate(roles)]
    owner.rest.post('/channels/%s/messages' % guild['system_channel_id'], {'content': 'before'}).ok(200)
    while True:
        beside = world.guild(owner, 'beside')
        if core_of(beside['id']) == core_of(guild['id']):
            break
    bench.stop()
    subprocess.run([os.path.join(BUILD, 'test/load_fill_members'), os.path.join(bench.server.data, 'data'), guild['id'],
                    str(MEMBERS)] + roles, check=True)
    bench.start()  # what was written last is put into files
    bench.stop()
    return world, owner, guild, beside, channels


def core_of(guild_id, cores=2):
    """As cell_owner() chooses."""
    x, mask = int(guild_id), (1 << 64) - 1
    x ^= x >> 33
    x = x * 0xff51afd7ed558ccd & mask
    x ^= x >> 33
    x = x * 0xc4ceb9fe1a85ec53 & mask
    return (x ^ x >> 33) % cores


def part_load(bench, owner, guild, beside):
    print('resident before: %.1f MB' % bench.resident_mb())
    rest = [Patient(bench.server.port, owner) for _ in range(3)]
    inside, others = '/channels/%s/messages' % guild['system_channel_id'], '/channels/%s/messages' % beside['system_channel_id']
    rest[1].get(others).ok(200)
    with Measured(bench) as m:
        begin = time.monotonic()
        owner.rest.post(inside, {'content': 'first'}).ok(200)
        owner.rest.get(inside).ok(200)
        print('first message written and read %.0f ms after the first touch' % ((time.monotonic() - begin) * 1000))
        one = Meanwhile(lambda: rest[0].post(inside, {'content': 'meanwhile'}).ok(200))
        two = Meanwhile(lambda: rest[1].get(others).ok(200))
        rest[2].get('/guilds/%s/members/%s' % (guild['id'], owner.id)).ok(200)
    print('loaded in %.2f s, %.2f s of CPU (requests included), longest wait %s' % (m.s, m.cpu_s, m.wait_ms))
    print('  POST into it meanwhile: ' + one.end())
    print('  GET beside it, same core: ' + two.end())
    with Measured(bench) as m:
        two = Meanwhile(lambda: rest[1].get(others).ok(200))
        time.sleep(2)
    print('  GET beside it when loaded: ' + two.end())


def part_ask(bench, owner, guild, beside, world):
    bot = world.bot(owner, 'asker')
    world.add_bot(owner, bot, guild['id'])
    gateway = bot.gateway(intents=0xffff & ~(1 << 8), guilds=False, timeout=120)
    ready = gateway.wait('GUILD_CREATE', where=lambda d: d['id'] == guild['id'])['d']
    print('GUILD_CREATE: large %s, member_count %d, members %d' % (ready['large'], ready['member_count'], len(ready['members'])))
    for query in ['an', 'ancor', 'QU', '\u00e9lf']:
        times = []
        for _ in range(50):
            cpu = bench.cpu_s()
            gateway.send(8, {'guild_id': guild['id'], 'query': query, 'limit': 100})
            chunk = gateway.wait('GUILD_MEMBERS_CHUNK')['d']
            times.append(bench.cpu_s() - cpu)
        print('op 8 %r: %d found, %.0f us of CPU in all, p50' % (query, len(chunk['members']), sorted(times)[25] * 1e6))
    ids = [m['user']['id'] for m in chunk['members']][:99] + ['1']
    gateway.send(8, {'guild_id': guild['id'], 'user_ids': ids, 'presences': True, 'nonce': 17})
    chunk = gateway.wait('GUILD_MEMBERS_CHUNK')['d']
    print('op 8 by ids: %d found, not_found %s, nonce %r' % (len(chunk['members']), chunk['not_found'], chunk['nonce']))
    before = bench.resident_mb()
    rest = Patient(bench.server.port, owner)
    seen, chunks = set(), 0
    with Measured(bench) as m:
        beat = Meanwhile(lambda: rest.get('/channels/%s/messages' % beside['system_channel_id']).ok(200))
        gateway.send(8, {'guild_id': guild['id'], 'query': '', 'limit': 0})
        while True:
            chunk = gateway.wait('GUILD_MEMBERS_CHUNK')['d']
            assert chunk['chunk_index'] == chunks, (chunk['chunk_index'], chunks)
            chunks += 1
            seen.update(member['user']['id'] for member in chunk['members'])
            if chunks == 20:
                time.sleep(2)  # a reader that is slow
                print('  a slow reader: resident %+.1f MB' % (bench.resident_mb() - before))
            if chunks == chunk['chunk_count']:
                break
    print('op 8 for all: %d members in %d chunks, %.1f s, %.2f s of CPU, longest wait %s, resident %+.1f MB' % (
        len(seen), chunks, m.s, m.cpu_s, m.wait_ms, bench.resident_mb() - before))
    print('  GET beside it meanwhile: ' + beat.end())
    gateway.close()


def part_walk(bench, owner, guild):
    rest = Patient(bench.server.port, owner)
    base = '/guilds/' + guild['id']
    someone = rest.get(base + '/members?limit=1000').ok(200)[500]['user']['id']
    role = rest.get(base + '/roles').ok(200)[-1]['id']
    calls = [
        ('GET members, first 1,000', lambda: rest.get(base + '/members?limit=1000').ok(200)),
        ('GET members, 1,000 from the middle', lambda: rest.get(base + '/members?limit=1000&after=' + someone).ok(200)),
        ('GET members/search, 100', lambda: rest.get(base + '/members/search?query=ka&limit=100').ok(200)),
        ('nickname', lambda: rest.patch(base + '/members/' + someone, {'nick': 'N'}).ok(200)),
        ('role given', lambda: rest.put('%s/members/%s/roles/%s' % (base, someone, role)).ok(204)),
        ('role taken', lambda: rest.delete('%s/members/%s/roles/%s' % (base, someone, role)).ok(204)),
        ('prune, counted', lambda: print('  %d' % rest.get(base + '/prune?days=1').ok(200)['pruned'])),
        ('roles/member-counts', lambda: rest.get(base + '/roles/member-counts').ok(200)),
        ('kick', lambda: rest.delete('%s/members/%s' % (base, someone)).ok(204)),
        ('ban', lambda: rest.put('%s/bans/%s' % (base, rest.get(base + '/members?limit=9').ok(200)[5]['user']['id']), {}).ok(204)),
    ]
    for name, call in calls:
        with Measured(bench) as m:
            call()
        print('%-36s %8.1f ms, CPU %8.0f us, longest wait %s' % (name, m.s * 1000, m.cpu_s * 1e6, m.wait_ms))


def part_create(bench, owner, guild, world):
    """What a bot with presences is sent of a guild below the size from which only the online of it are seen: MEMBERS of 75,000 at most."""
    print('online: ' + bench.order('online %s %d' % (guild['id'], MEMBERS * 8 // 10)))
    bot = world.bot(owner, 'watcher')
    world.add_bot(owner, bot, guild['id'])
    for kind, more in [('JSON', {}), ('zlib-stream', {'compress': 'zlib-stream'}), ('zstd-stream', {'compress': 'zstd-stream'}),
                       ('ETF', {'encoding': 'etf'}), ('ETF in zlib-stream', {'encoding': 'etf', 'compress': 'zlib-stream'})] * 2:
        with Measured(bench) as m:
            gateway = bot.gateway(guilds=False, timeout=120, **more)
            ready = gateway.wait('GUILD_CREATE', where=lambda d: int(d['id']) == int(guild['id']), timeout=120)['d']
        print('GUILD_CREATE to a bot with presences, %s: %d members, %d presences, %.0f ms, CPU %.0f ms, longest wait %s' % (
            kind, len(ready['members']), len(ready['presences']), m.s * 1000, m.cpu_s * 1000, m.wait_ms))
        gateway.close()


def part_lists(bench, owner, guild, channels):
    gateway = owner.gateway(v=9, guilds=False, timeout=120)
    for channel in [guild['system_channel_id']] + channels[:2]:
        with Measured(bench) as m:
            gateway.send(14, {'guild_id': guild['id'], 'typing': True, 'channels': {channel: [[0, 99]]}})
            update = gateway.wait('GUILD_MEMBER_LIST_UPDATE', where=lambda d: d['ops'] and d['ops'][0]['op'] == 'SYNC')['d']
        print('list %s of %d online: %.1f ms, CPU %.1f ms, longest wait %s' % (
            update['id'], update['online_count'], m.s * 1000, m.cpu_s * 1000, m.wait_ms))
    time.sleep(1)
    print('resident with three lists watched: %.1f MB' % bench.resident_mb())
    return gateway


class Crowd:
    """Many sessions of some accounts in one thread; what they receive is counted and thrown away."""

    def __init__(self, port, tokens, count, hello):
        self.socks, self.bytes, self.closed, self.over = [], 0, 0, False
        for i in range(count):
            sock = socket.create_connection(('127.0.0.1', port))
            sock.sendall(b'GET /?v=9&encoding=json HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                         b'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n')
            self.send(sock, {'op': 2, 'd': {'token': tokens[i % len(tokens)], 'capabilities': 0, 'properties': {}}})
            sock.settimeout(60)
            seen = b''
            while b'"READY"' not in seen:
                more = sock.recv(1 << 16)
                assert more, 'closed before READY: %r' % seen[-200:]
                seen = seen[-20:] + more
            for payload in hello:
                self.send(sock, payload)
            self.socks.append(sock)
        self.poll = select.epoll()
        for sock in self.socks:
            sock.setblocking(False)
            self.poll.register(sock, select.EPOLLIN)
        self.by_fd = {sock.fileno(): sock for sock in self.socks}
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def send(sock, payload):
        data = json.dumps(payload).encode()
        head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else bytes([0x81, 0xfe]) + len(data).to_bytes(2, 'big')
        sock.sendall(head + b'\0\0\0\0' + data)

    def run(self):
        while not self.over:
            for fd, _ in self.poll.poll(0.2):
                more = self.by_fd[fd].recv(1 << 16)
                self.bytes += len(more)
                if not more:
                    self.closed += 1
                    self.poll.unregister(fd)

    def settle(self):
        """Until nothing has come for a while."""
        before = -1
        while before != self.bytes:
            before = self.bytes
            time.sleep(1)

    def end(self):
        self.over = True
        self.thread.join()
        for sock in self.socks:
            sock.close()


def part_crowd(bench, owner, guild, beside, world):
    rate, seconds, watchers, sessions = 1000, 10, 1000, 5000
    watch = {'op': 14, 'd': {'guild_id': guild['id'], 'typing': True, 'channels': {guild['system_channel_id']: [[0, 99]]}}}
    crowd = Crowd(bench.server.port, [owner.token], watchers, [watch])
    crowd.settle()
    with Measured(bench) as idle:
        time.sleep(3)
    came = crowd.bytes
    with Measured(bench) as m:
        bench.order('storm %s %d %d' % (guild['id'], rate, seconds))
    print('%d watchers, %d presence changes/s: %.1f %% of a core (idle %.1f %%), longest wait %s, %.1f MB sent' % (
        watchers, rate, m.cpu_s / m.s * 100, idle.cpu_s / idle.s * 100, m.wait_ms, (crowd.bytes - came) / 1e6))
    assert not crowd.closed, crowd.closed
    crowd.end()
    time.sleep(2)
    subscribe = [{'op': 14, 'd': {'guild_id': g['id'], 'typing': True}} for g in (guild, beside)]
    people = [world.person('many') for _ in range(10)]  # an account may have a thousand sessions
    for person in people:
        for where in (guild, beside):
            world.join(person, owner, where['system_channel_id'])
    crowd = Crowd(bench.server.port, [person.token for person in people], sessions, subscribe)
    crowd.settle()
    for name, where in (('large', guild), ('small', beside)) * 3:
        came = crowd.bytes
        with Measured(bench) as m:
            for _ in range(20):
                owner.rest.post('/channels/%s/messages' % where['system_channel_id'], {'content': 'x' * 100}).ok(200)
            crowd.settle()
        print('message in the %s guild to %d sessions: %.2f us of CPU a delivery of %d bytes, longest wait %s' % (
            name, sessions, m.cpu_s * 1e6 / 20 / sessions, (crowd.bytes - came) / 20 / sessions, m.wait_ms))
    crowd.end()


def main():
    bench = Bench()
    world, owner, guild, beside, channels = prepare(bench)
    bench.start()
    world = World('127.0.0.1', bench.server.port)
    owner.rest = Patient(bench.server.port, owner)
    owner.world = world
    print('%d members' % MEMBERS)
    if 'load' in PARTS:
        part_load(bench, owner, guild, beside)
    owner.rest.get('/guilds/%s/members/%s' % (guild['id'], owner.id)).ok(200)
    print('resident when loaded: %.1f MB' % bench.resident_mb())
    gateway = owner.gateway(v=9, guilds=False, timeout=120)  # so that it stays loaded
    print('online: ' + bench.order('online %s %d' % (guild['id'], MEMBERS // 10)))
    print('resident with %d online: %.1f MB' % (MEMBERS // 10, bench.resident_mb()))
    if 'ask' in PARTS:
        part_ask(bench, owner, guild, beside, world)
    if 'walk' in PARTS:
        part_walk(bench, owner, guild)
    if 'lists' in PARTS:
        part_lists(bench, owner, guild, channels).close()
    if 'create' in PARTS:
        part_create(bench, owner, guild, world)
    if 'crowd' in PARTS:
        part_crowd(bench, owner, guild, beside, world)
    gateway.close()
    bench.stop()
    bench.server.done()


main()
