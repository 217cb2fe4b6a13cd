#!/usr/bin/env python3
"""The gateway under a crowd, side by side with the floor (bench/floor.c): the same load against both, in turns.

bench/gateway.py BUILD_DIR [--rounds N] [--sessions N] [--accounts N] [--cores N] [--only PART,...]

Parts: room (processor time and latency against the floor), coding (zlib-stream and zstd-stream), crowd (10,000 in one
room), flood, stall, resume. Figures are medians of the rounds; ratios are to the floor of the same run. On the loopback
a sender's processor time includes the receiver's TCP input: good for comparing, not for quoting."""
import argparse
import concurrent.futures
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile

FLAGS = 1 << 13 | 1 << 15 | 1 << 19


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Rest:
    def __init__(self, port, token=''):
        self.http, self.token = http.client.HTTPConnection('127.0.0.1', port), token

    def __call__(self, method, path, body=None):
        self.http.request(method, '/api/v10' + path, json.dumps(body) if body is not None else None,
                          {'Authorization': self.token, 'Content-Type': 'application/json'})
        answer = self.http.getresponse()
        raw = answer.read()
        assert answer.status < 300, (method, path, answer.status, raw[:300])
        return json.loads(raw) if raw else None


class Program:
    def __init__(self, words, port):
        self.port = port
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        assert b'ready' in line, line

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class World:
    """A server's data with one guild and many bots in it; each run of the server is a new process."""

    def __init__(self, build, accounts, cores):
        self.build, self.cores, self.accounts = build, cores, accounts
        self.dir = tempfile.TemporaryDirectory()
        self.tokens = self.dir.name + '/tokens'
        server = self.start()
        rest = Rest(server.port)
        rest.token = rest('POST', '/auth/register', {'username': 'crowd', 'password': 'password-of-the-crowd', 'consent': True})['token']
        guild = rest('POST', '/guilds', {'name': 'crowd'})
        self.channel = guild['system_channel_id']

        def some(numbers):
            # Nobody owns more than fifty applications; whose they are does not matter.
            mine, tokens, their = Rest(server.port), [], Rest(server.port, rest.token)
            for i in numbers:
                if i // 8 % 40 == 0:
                    name = {'username': 'owner_%d' % i, 'password': 'password-of-the-crowd', 'consent': True}
                    mine.token = mine('POST', '/auth/register', name)['token']
                app = mine('POST', '/applications', {'name': 'bot %d' % i})
                tokens.append(mine('POST', '/applications/%s/bot/reset' % app['id'], {})['token'])
                mine('PATCH', '/applications/%s' % app['id'], {'flags': FLAGS})
                their('POST', '/oauth2/authorize?client_id=%s&scope=bot&permissions=8' % app['id'],
                     {'authorize': True, 'guild_id': guild['id'], 'permissions': '0'})
            return tokens

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            tokens = sum(pool.map(some, [range(k, accounts, 8) for k in range(8)]), [])
        with open(self.tokens, 'w') as file:
            file.write('\n'.join(tokens) + '\n')
        server.stop()

    def start(self, cores=None):
        port = free_port()
        return Program([self.build + '/rookeryd', '--data', self.dir.name + '/d', '--listen', '127.0.0.1:%d' % port,
                        '--cores', str(cores or self.cores), '--set', 'rate_limits=off', '--set', 'memory_max=4G'], port)


def load(build, program, tokens, channel, sessions, workers, phases, coding=None):
    words = [build + '/test/load_gateway', str(program.process.pid), str(program.port), tokens, channel, str(sessions), str(workers)]
    words += ['-c', coding] if coding else []
    done = subprocess.run(words + phases, stdout=subprocess.PIPE, timeout=300)
    found = {}
    for line in done.stdout.decode().splitlines():
        row = json.loads(line)
        found[row.pop('phase')] = row
    assert done.returncode == 0, 'the load found faults: %s' % done.stdout.decode()
    return found


class Table:
    def __init__(self):
        self.rows = {}

    def add(self, who, found):
        for phase, row in found.items():
            for key, value in row.items():
                self.rows.setdefault((phase, key), {}).setdefault(who, []).append(value)

    def get(self, phase, key, who):
        values = self.rows.get((phase, key), {}).get(who)
        return statistics.median(values) if values else None

    def show(self, wanted):
        for name, phase, key, unit in wanted:
            floor, server = self.get(phase, key, 'floor'), self.get(phase, key, 'server')
            if server is None:
                continue
            text = '%-46s %10.2f %s' % (name, server, unit)
            if floor:
                text += '   floor %.2f, ratio %.2f' % (floor, server / floor)
            print(text, flush=True)


ROOM = [('connect, IDENTIFY, READY, guild: CPU a session', 'connect', 'cpu_us', 'us'),
        ('user memory of an idle session', 'idle', 'user_bytes', 'B'),
        ('   before its second heartbeat', 'connect', 'fresh_bytes', 'B'),
        ('kernel memory of its socket', 'idle', 'kernel_bytes', 'B'),
        ('CPU of a delivery, one message at a time', 'w1', 'cpu_us', 'us'),
        ('CPU of a delivery, one sender', 'busy', 'cpu_us', 'us'),
        ('a delivery on the wire', 'w1', 'bytes', 'B'),
        ('one message to its last receiver, p99', 'w1', 'last_p99_ms', 'ms'),
        ('CPU of a heartbeat', 'beat', 'cpu_us', 'us')]


class Bench:
    def __init__(self, options):
        self.o = options
        self.world = World(options.build, options.accounts, options.cores)

    def floor(self):
        port = free_port()
        return Program([self.o.build + '/test/load_floor', str(port)], port)

    def each(self, table, sessions, workers, phases, cores=1, floor=True, coding=None, who='server'):
        """One round: the floor, then the server, both fresh."""
        for name in (['floor'] if floor else []) + [who]:
            program = self.floor() if name == 'floor' else self.world.start(cores)
            try:
                table.add(name, load(self.o.build, program, self.world.tokens, self.world.channel, sessions, workers, phases,
                                     coding if name != 'floor' else None))
            finally:
                program.stop()

    def room(self):
        print('== one room of %d, one core' % self.o.sessions)
        table, many, lat = Table(), Table(), Table()
        for _ in range(self.o.rounds):
            self.each(table, self.o.sessions, 1, ['idle:1', 'w1:4', 'beat:1', 'busy:3:1'])
            self.each(many, self.o.sessions, 1, ['busy:5:16'])
            self.each(lat, 2000, 1, ['rate:4:5'])
        table.show(ROOM)
        many.show([('CPU of a delivery, 16 senders', 'busy', 'cpu_us', 'us')])
        lat.show([('2,000 sessions, 5 messages a second: p99', 'rate', 'p99_ms', 'ms'), ('   p50', 'rate', 'p50_ms', 'ms')])

    def coding(self):
        print('== compression, one room of %d, one core' % min(self.o.sessions, 3000))
        table = Table()
        sessions = min(self.o.sessions, 3000)
        for _ in range(self.o.rounds):
            for coding in (None, 'zlib', 'zstd'):
                self.each(table, sessions, 2, ['idle:1', 'w1:4', 'idle:0'], floor=False, coding=coding, who=coding or 'plain')
        plain_cpu, plain_bytes = table.get('w1', 'cpu_us', 'plain'), table.get('w1', 'bytes', 'plain')
        plain_memory = table.get('idle', 'user_bytes', 'plain')
        for coding in ('zlib', 'zstd'):
            print('%s-stream: CPU over plain %+.2f us (%.2f), ratio %.2f, memory over plain %+.0f B' % (
                coding, table.get('w1', 'cpu_us', coding) - plain_cpu, plain_cpu, plain_bytes / table.get('w1', 'bytes', coding),
                table.get('idle', 'user_bytes', coding) - plain_memory), flush=True)

    def crowd(self):
        print('== one room of 10,000, two cores')
        table = Table()
        for _ in range(self.o.rounds):
            self.each(table, 10000, 1, ['idle:1', 'rate:5:2'], cores=2)
        table.show(ROOM[:4] + [('send to the last of 10,000, p99', 'rate', 'last_p99_ms', 'ms'), ('   p50', 'rate', 'last_p50_ms', 'ms')])

    def flood(self):
        print('== a room of 5,000 is flooded, one core')
        table = Table()
        for _ in range(self.o.rounds):
            self.each(table, 5000, 1, ['flood:6:16'])
        table.show([('a GET meanwhile, p50', 'flood', 'get_p50_ms', 'ms'), ('   p99', 'flood', 'get_p99_ms', 'ms'),
                    ('a heartbeat meanwhile, p50', 'flood', 'beat_p50_ms', 'ms'), ('   p99', 'flood', 'beat_p99_ms', 'ms'),
                    ('a message of the flood to its last receiver, p50', 'flood', 'last_p50_ms', 'ms'),
                    ('   p99', 'flood', 'last_p99_ms', 'ms')])

    def stall(self):
        print('== one session of a hundred reads nothing')
        table = Table()
        for _ in range(self.o.rounds):
            self.each(table, 2000, 1, ['rate:5:20', 'stall:8:20', 'idle:1'], floor=False)
        table.show([('all read: p99', 'rate', 'p99_ms', 'ms'), ('1 % stalled: p99 of the others', 'stall', 'p99_ms', 'ms')])

    def resume(self):
        sessions = min(18000, 14 * self.o.accounts)
        print('== %d sessions come back at once' % sessions)
        table = Table()
        for _ in range(self.o.rounds):
            self.each(table, sessions, 2, ['resume:1:20'], cores=2, floor=False)
        table.show([('all RESUMED after', 'resume', 'seconds', 's'), ('CPU of each, with 20 messages', 'resume', 'cpu_us', 'us')])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--sessions', type=int, default=5000)
    parser.add_argument('--accounts', type=int, default=100)
    parser.add_argument('--cores', type=int, default=2)
    parser.add_argument('--only', default='room,coding,crowd,flood,stall,resume')
    options = parser.parse_args()
    bench = Bench(options)
    for part in options.only.split(','):
        getattr(bench, part)()


main()
