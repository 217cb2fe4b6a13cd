#!/usr/bin/env python3
"""A restart under many sessions: how long until all of them are back.

bench/restart.py BUILD_DIR [--sessions N] [--bots N] [--cores N] [--rounds N] [--pause SECONDS]

Two ways: SIGTERM and a new process at once (an update): every session must resume, with each message exactly once; and
kill -9 with a new process after --pause (RestartSec of the unit, the first pause of script/server): every session is told
op 9, identifies and gets READY and its guild again. Sessions are raw ones of several bots, all in one guild; each tries to
connect every 50 ms. An account keeps sixteen sessions without a connection on each core (DETACHED_PER_USER), so fewer bots
for as many sessions would see some refused. They share one Python process, whose own processor time is printed beside."""
import argparse
import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

INTENTS = 1 << 0 | 1 << 9 | 1 << 15
FLAGS = 1 << 13 | 1 << 15 | 1 << 19
RETRY_S = 0.05
BOTS_OF_ONE = 40  # nobody owns more than fifty applications


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Rest:
    def __init__(self, port, token=''):
        self.port, self.token = port, token

    def __call__(self, method, path, body=None):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        connection.request(method, '/api/v10' + path, json.dumps(body) if body is not None else None,
                           {'Authorization': self.token, 'Content-Type': 'application/json'})
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        assert answer.status < 300, (method, path, answer.status, raw[:300])
        return json.loads(raw) if raw else None


class Daemon:
    def __init__(self, build, data, port, cores):
        self.words = [build + '/rookeryd', '--data', data, '--listen', '127.0.0.1:%d' % port, '--cores', str(cores),
                      '--set', 'rate_limits=off']

    def start(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        assert line.startswith(b'rookeryd ready'), line

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(60)
        self.process.stdout.close()


class Session:
    """Comes back by itself, for ever."""

    def __init__(self, port, token):
        self.port, self.token = port, token
        self.id, self.seq, self.said, self.faults = None, None, [], []
        self.resumed = self.ready = self.refused = 0
        self.back_at = 0.0

    async def read(self):
        head = await self.reader.readexactly(2)
        size = head[1] & 127
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), 'big')
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8), 'big')
        body = await self.reader.readexactly(size)
        if head[0] & 15 == 8:
            raise ConnectionError('closed')
        return json.loads(body) if head[0] & 15 == 1 else None

    def send(self, op, d):
        body = json.dumps({'op': op, 'd': d}).encode()
        assert len(body) < 65536
        head = bytes([0x81, 0x80 | len(body)]) if len(body) < 126 else b'\x81\xfe' + len(body).to_bytes(2, 'big')
        self.writer.write(head + b'\0\0\0\0' + body)  # a mask of zeros

    def identify(self):
        self.send(2, {'token': self.token, 'intents': INTENTS, 'properties': {'os': 'linux', 'browser': 'b', 'device': 'd'}})

    def on_dispatch(self, t, s, d):
        if t == 'READY':
            self.id, self.seq = d['session_id'], 0
        if s != (self.seq or 0) + 1 and t != 'RESUMED':
            self.faults.append('%s has number %s after %s' % (t, s, self.seq))
        self.seq = s
        if t == 'MESSAGE_CREATE':
            self.said.append(d['content'])
        elif t == 'RESUMED':
            self.resumed += 1
            self.back_at = time.monotonic()
        elif t == 'GUILD_CREATE':
            self.ready += 1
            self.back_at = time.monotonic()

    async def talk(self):
        self.reader, self.writer = await asyncio.open_connection('127.0.0.1', self.port)
        self.writer.write(b'GET /?v=10&encoding=json HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                          b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
        head = await self.reader.readuntil(b'\r\n\r\n')
        if b' 101 ' not in head.split(b'\r\n')[0]:
            raise ConnectionError('no upgrade')
        while True:
            payload = await self.read()
            if payload is None:
                continue
            op = payload['op']
            if op == 0:
                self.on_dispatch(payload['t'], payload['s'], payload['d'])
            elif op == 10 and self.id:
                self.send(6, {'token': self.token, 'session_id': self.id, 'seq': self.seq})
            elif op == 10:
                self.identify()
            elif op == 9:
                self.refused += 1
                self.id = self.seq = None
                self.identify()
            elif op == 1:
                self.send(1, self.seq)
            elif op == 7:
                return

    async def live(self):
        while True:
            self.writer = None
            try:
                await self.talk()
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(RETRY_S)
            finally:
                if self.writer:
                    self.writer.close()


async def until(what, sessions, seconds):
    end = time.monotonic() + seconds
    while not all(map(what, sessions)):
        assert time.monotonic() < end, '%d of %d after %d s' % (sum(map(what, sessions)), len(sessions), seconds)
        await asyncio.sleep(0.01)


def account(port, name):
    rest = Rest(port)
    rest.token = rest('POST', '/auth/register', {'username': name, 'password': 'password-of-the-crowd', 'consent': True})['token']
    return rest


def make_bots(port, count):
    rest, tokens = account(port, 'owner'), []
    guild = rest('POST', '/guilds', {'name': 'restarts'})
    for i in range(count):
        if i % BOTS_OF_ONE == 0:
            maker = account(port, 'maker_%d' % i)
        app = maker('POST', '/applications', {'name': 'bot %d' % i})
        tokens.append(maker('POST', '/applications/%s/bot/reset' % app['id'], {})['token'])
        maker('PATCH', '/applications/%s' % app['id'], {'flags': FLAGS})
        rest('POST', '/oauth2/authorize?client_id=%s&scope=bot&permissions=8' % app['id'],
             {'authorize': True, 'guild_id': guild['id'], 'permissions': '0'})
    return rest, guild['system_channel_id'], tokens


def spread(sessions, began):
    times = sorted(session.back_at - began for session in sessions)
    return 'first %.2f s, half %.2f s, all %.2f s' % (times[0], times[len(times) // 2], times[-1])


async def measure(o, daemon, port):
    loop = asyncio.get_running_loop()
    daemon.start()
    rest, channel, tokens = await loop.run_in_executor(None, make_bots, port, o.bots)
    sessions = [Session(port, tokens[i % o.bots]) for i in range(o.sessions)]
    tasks = [asyncio.create_task(session.live()) for session in sessions]
    await until(lambda s: s.ready == 1, sessions, 60)

    async def say(text):
        await loop.run_in_executor(None, rest, 'POST', '/channels/%s/messages' % channel, {'content': text})

    async def again(number, pause):
        """Ends the daemon, starts it after @pause; the moment of the signal, and how long until the ready line."""
        began, cpu = time.monotonic(), time.process_time()
        await loop.run_in_executor(None, daemon.end, number)
        ended = time.monotonic() - began
        await asyncio.sleep(pause)
        await loop.run_in_executor(None, daemon.start)
        return began, cpu, 'process ended after %.2f s, ready line %.2f s' % (ended, time.monotonic() - began)

    for turn in range(o.rounds):
        for session in sessions:
            session.resumed = session.ready = session.refused = 0
            session.said.clear()
        await say('before %d' % turn)
        began, cpu, text = await again(signal.SIGTERM, 0)
        await until(lambda s: s.resumed + s.ready >= 1, sessions, 60)
        own = time.process_time() - cpu
        await say('after %d' % turn)
        await until(lambda s: len(s.said) >= 2, sessions, 30)
        wrong = [s for s in sessions if s.said != ['before %d' % turn, 'after %d' % turn] or s.faults]
        print('SIGTERM: %s; RESUMED: %s; %d of %d resumed, %d with a message missing or twice; client CPU %.2f s' % (
            text, spread(sessions, began), sum(s.resumed == 1 for s in sessions), len(sessions), len(wrong), own), flush=True)
        assert not wrong, (wrong[0].said, wrong[0].faults[:3])
        assert all(s.resumed == 1 and not s.refused for s in sessions), 'some had to identify anew'
    for turn in range(o.rounds):
        for session in sessions:
            session.resumed = session.ready = session.refused = 0
        began, cpu, text = await again(signal.SIGKILL, o.pause)
        await until(lambda s: s.ready >= 1, sessions, 60)
        print('kill -9: %s; READY and guild: %s; %d of %d refused first; client CPU %.2f s' % (
            text, spread(sessions, began), sum(s.refused == 1 for s in sessions), len(sessions), time.process_time() - cpu), flush=True)
        assert all(s.refused == 1 and s.ready == 1 for s in sessions) and not any(s.faults for s in sessions)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('--sessions', type=int, default=1000)
    parser.add_argument('--bots', type=int, default=80)
    parser.add_argument('--cores', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--pause', type=float, default=1.0)
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        port = free_port()
        daemon = Daemon(o.build, place + '/data', port, o.cores)
        print('%d sessions of %d bots, %d cores, load average %.1f' % (o.sessions, o.bots, o.cores, os.getloadavg()[0]), flush=True)
        try:
            asyncio.run(measure(o, daemon, port))
        finally:
            if daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()


main()
