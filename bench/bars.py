#!/usr/bin/env python3
"""The bars that need a whole server: idle memory and processor time, durable sends, start-up and history with a
million messages. bench/bars.py BUILD_DIR [MESSAGES]"""
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = sys.argv[1] if len(sys.argv) > 1 else 'build/release'
MESSAGES = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, data, *more):
        self.port = free_port()
        began = time.monotonic()
        self.process = subprocess.Popen([BUILD + '/rookeryd', '--data', data, '--listen', '127.0.0.1:%d' % self.port, '--cores', os.environ.get('BENCH_CORES', '2'),
                                         '--set', 'rate_limits=off', *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        assert b'ready' in line, line
        self.start_s = time.monotonic() - began
        self.http = http.client.HTTPConnection('127.0.0.1', self.port)

    def call(self, method, path, token='', body=None):
        self.http.request(method, '/api/v10' + path, json.dumps(body) if body is not None else None,
                          {'Authorization': token, 'Content-Type': 'application/json'})
        answer = self.http.getresponse()
        raw = answer.read()
        assert answer.status < 300, (answer.status, raw[:300])
        return json.loads(raw) if raw else None

    def cpu_ns(self):
        total = 0
        base = '/proc/%d/task' % self.process.pid
        for task in os.listdir(base):
            total += int(open('%s/%s/schedstat' % (base, task)).read().split()[0])
        return total

    def rss_mb(self):
        for line in open('/proc/%d/status' % self.process.pid):
            if line.startswith('VmRSS'):
                return int(line.split()[1]) / 1024
        return 0

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        self.process.wait(30)


def main():
    with tempfile.TemporaryDirectory() as data:
        server = Server(data + '/d')
        token = server.call('POST', '/auth/register', body={'username': 'bars', 'password': 'password-of-bars', 'consent': True})['token']
        me = server.call('GET', '/users/@me', token)
        guild = server.call('POST', '/guilds', token, {'name': 'bars'})
        channel = guild['system_channel_id']
        time.sleep(2)
        before = server.cpu_ns()
        time.sleep(20)
        print('idle with one guild: %.1f MB resident, %.4f %% CPU' % (server.rss_mb(), (server.cpu_ns() - before) / 20e9 * 100))
        subprocess.run([BUILD + '/test/load_message', str(server.process.pid), str(server.port), '64', '5'], check=True)
        server.stop()

        subprocess.run([BUILD + '/test/load_fill', data + '/d', guild['id'], channel, me['id'], str(MESSAGES)], check=True)
        server = Server(data + '/d')
        print('first start with %d messages: %.3f s' % (MESSAGES, server.start_s))
        server.stop()
        starts = []
        for _ in range(5):
            server = Server(data + '/d')
            starts.append(server.start_s)
            server.stop()
        print('start after a clean stop: median %.3f s of %d' % (statistics.median(starts), len(starts)))
        starts = []
        for _ in range(5):
            server = Server(data + '/d')
            for i in range(200):
                server.call('POST', '/channels/%s/messages' % channel, token, {'content': 'one more %d' % i})
            server.stop(signal.SIGKILL)
            server = Server(data + '/d')
            starts.append(server.start_s)
            server.stop(signal.SIGKILL)
        print('start after kill -9: median %.3f s of %d' % (statistics.median(starts), len(starts)))
        server = Server(data + '/d')
        while True: # until the store has done its housekeeping
            before = server.cpu_ns()
            time.sleep(2)
            if server.cpu_ns() - before < 20e6:
                break
        path = '/channels/%s/messages?limit=50' % channel
        for _ in range(200):
            server.call('GET', path, token)
        # Which core a connection comes to is chance, and one that comes to another core than the guild's costs a hop.
        found = []
        for _ in range(12):
            server.http = http.client.HTTPConnection('127.0.0.1', server.port)
            server.call('GET', path, token)
            before, n = server.cpu_ns(), 500
            for _ in range(n):
                got = server.call('GET', path, token)
            assert len(got) == 50
            found.append((server.cpu_ns() - before) / n / 1000)
        print('newest 50 of a channel with %d messages: %.0f us of server CPU, median of %d connections (%.0f-%.0f)' % (
            MESSAGES, statistics.median(found), len(found), min(found), max(found)))
        server.stop()


main()
