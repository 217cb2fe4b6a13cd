"""/metrics, and `rookery top`, which shows the same."""

import http.client
import json
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import termios
import threading
import time

from .base import DONE, REFUSED, ROOKERY, UNREACHABLE, WRONG_USE, Scene, Server, data_of, eq, run, step
from .manners import get
from lib.server import free_port


def labels_of(text):
    """{name: value} of `{a="b",c="d"}`; our own values never have quotes or backslashes."""
    if not text:
        return {}
    assert re.fullmatch(r'\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\}', text), text
    pairs = re.findall(r'([a-z_]+)="([^"]*)"', text)
    assert len(dict(pairs)) == len(pairs), text
    return dict(pairs)


def check_histogram(name, series):
    """For each set of other labels: bounds and counts rise, +Inf is the count, and there is a sum."""
    by_labels = {}
    for full, labels, value in series:
        key = tuple(sorted((k, v) for k, v in labels.items() if k != 'le'))
        one = by_labels.setdefault(key, {'buckets': []})
        if full == name + '_bucket':
            one['buckets'].append((float(labels['le'].replace('+Inf', 'inf')), value))
        else:
            assert 'le' not in labels, labels
            one[full[len(name):]] = value
    for key, one in by_labels.items():
        bounds = [bound for bound, _ in one['buckets']]
        counts = [count for _, count in one['buckets']]
        assert bounds == sorted(set(bounds)) and bounds[-1] == float('inf'), (name, key, bounds)
        assert counts == sorted(counts), (name, key, counts)
        eq(one['_count'], counts[-1], '%s %s' % (name, key))
        assert one['_sum'] >= 0, (name, key)


def strict(text):
    """{series: value}. Every family has HELP and TYPE, in this order, before its series, which stand together; nothing is said twice."""
    assert text.endswith('\n')
    values, seen, family, kind, series, helped = {}, set(), None, None, [], None
    for line in text.splitlines() + ['# HELP end .']:
        if line.startswith('# HELP '):
            if kind == 'histogram':
                check_histogram(family, series)
            helped = line.split(' ', 3)[2]
            assert helped not in seen and line.split(' ', 3)[3].endswith('.'), line
            seen.add(helped)
            family, kind, series = None, None, []
        elif line.startswith('# TYPE '):
            _, _, family, kind = line.split(' ')
            assert family == helped and kind in ('counter', 'gauge', 'histogram'), line
            assert (kind == 'counter') == family.endswith('_total'), line
        else:
            found = re.fullmatch(r'(rookery_[a-z_0-9]+)(\{[^}]*\})? ([-+.e0-9]+)', line)
            assert found and family, line
            name, labels = found.group(1), labels_of(found.group(2))
            assert name == family or (kind == 'histogram' and name in (family + '_bucket', family + '_sum', family + '_count')), line
            key = name + (found.group(2) or '')
            assert key not in values, 'twice: ' + key
            values[key] = float(found.group(3))
            assert values[key] >= 0, line
            series.append((name, labels, values[key]))
    return values


def total(values, name):
    """Of a family, over its labels."""
    return sum(value for key, value in values.items() if key.split('{')[0] == name)


@step('metrics: on an address of their own, and behind a token on the one for all; they count')
def _():
    port = free_port()
    with Server(settings={'metrics_listen': '127.0.0.1:%d' % port, 'metrics_token': ''}) as server:
        scene = Scene(server.url)
        gateway = scene.ann.gateway()
        scene.say(scene.ann, 'count me')
        scene.ann.rest.get('/users/@me').ok(200)
        scene.ann.rest.get('/channels/1')
        own = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
        status, text = get(own, '/metrics')
        eq(status, 200)
        values = strict(text)
        assert values['rookery_gateway_sessions{core="0"}'] + values['rookery_gateway_sessions{core="1"}'] == 1
        assert values['rookery_route_seconds_count{route="create_message"}'] == 1
        assert values['rookery_route_seconds_bucket{route="create_message",le="+Inf"}'] == 1
        assert values['rookery_route_errors_total{route="get_channel",class="4xx"}'] == 1
        assert values['rookery_ready'] == 1 and values['rookery_resident_memory_bytes'] > 1e6
        assert values['rookery_store_batches_total'] > 0 and values['rookery_open_files'] > 10
        eq(get(own, '/api/v10/gateway')[0], 404)
        eq(get(own, '/healthz')[0], 200)
        eq(scene.world.nobody.request('GET', '/../metrics').status >= 400, True)
        everybody = http.client.HTTPConnection(server.host, server.port, timeout=10)
        eq(get(everybody, '/metrics')[0], 404)
        gateway.close()
        server.stop()
    with Server(settings={'metrics_token': 'let me see'}) as server:
        everybody = http.client.HTTPConnection(server.host, server.port, timeout=10)
        eq(get(everybody, '/metrics')[0], 401)
        eq(get(everybody, '/metrics', {'Authorization': 'Bearer let me se'})[0], 401)
        eq(get(everybody, '/metrics', {'Authorization': 'Bearer let me see'})[0], 200)
        server.stop()


@step('metrics: turns, rounds of the store, the cache of messages, hops and what was limited are counted')
def _():
    with Server(settings={'rate_limits': 'discord'}) as server:
        scene = Scene(server.url)
        data, bot = data_of(server), scene.bot

        def values():
            code, out, err = run(data, 'metrics', json_=False)
            eq(code, DONE, err)
            return strict(out)
        before = values()
        for i in range(4):
            scene.say(scene.ann, 'count me %d' % i)
        for _i in range(3):
            scene.ann.rest.get('/channels/%s/messages?limit=4' % scene.hall).ok(200)
        limited = 0
        for i in range(60):
            if scene.ann.rest.post('/channels/%s/typing' % scene.hall).status == 429:
                limited += 1
        assert limited, 'nothing was limited'
        after = values()

        def grew(name):
            return total(after, name) - total(before, name)
        eq(after['rookery_rate_limited_total{scope="route"}'] + after['rookery_rate_limited_total{scope="global"}'], limited)
        assert grew('rookery_message_cache_hits_total') >= 2 and grew('rookery_message_cache_misses_total') >= 1
        assert total(after, 'rookery_message_cache_bytes') > 0
        assert grew('rookery_store_round_batches_count') >= 4
        eq(total(after, 'rookery_store_round_batches_sum'),
           sum(total(after, 'rookery_store_%s_total' % what) for what in ('batches', 'failed', 'refused')))
        eq(after['rookery_store_commit_queue'], 0)
        for core in range(server.cores):
            assert after['rookery_core_turn_seconds_count{core="%d"}' % core] > 0
        if server.cores > 1:
            # By one whose allowance is not used up. Which core a connection comes to is not ours to say: one of these comes to another than the guild's.
            sockets = [http.client.HTTPConnection(server.host, server.port, timeout=10) for _i in range(40)]
            for one in sockets:
                status, _ = get(one, '/api/v9/channels/%s/messages?limit=1' % scene.hall, {'Authorization': 'Bot ' + bot.token})
                assert status in (200, 429), status
            assert total(values(), 'rookery_cell_hops_total') > total(after, 'rookery_cell_hops_total')
            for one in sockets:
                one.close()
        assert 'name=metrics' not in server.log_tail(), 'a line in the log each time'
        server.stop()


class Traffic:
    """Somebody who talks and reads all the while."""

    def __init__(self, scene):
        self.scene, self.stopped = scene, False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopped:
            self.scene.ann.rest.post('/channels/%s/messages' % self.scene.hall, {'content': 'talk'})
            self.scene.ann.rest.get('/channels/%s/messages?limit=1' % self.scene.hall)
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stopped = True
        self.thread.join()


@step('top --json and --once: what happens in an interval')
def _():
    with Server() as server:
        scene = Scene(server.url)
        data = data_of(server)
        gateway = scene.ann.gateway()
        with Traffic(scene):
            code, out, err = run(data, 'top', '--once', '--interval', '0.7')
            eq(code, DONE, err)
            figures = json.loads(out)
            eq((figures['sessions'], figures['connections'], figures['ready'], figures['refusing']), (1, 1, True, 0))
            assert 0.5 < figures['seconds'] < 5, figures
            for key in ('requests_per_s', 'events_per_s', 'deliveries_per_s', 'gateway_bytes_per_s', 'http_bytes_per_s', 'commits_per_s',
                        'cache_reads_per_s', 'batches_per_round', 'turn_p99_s', 'memory_bytes'):
                assert figures[key] > 0, (key, figures)
            assert figures['requests_per_s'] * figures['seconds'] >= 2
            assert 0 <= figures['cache_hit_rate'] <= 1 and figures['turn_p99_s'] <= 1
            means = [one['mean_s'] for one in figures['slowest']]
            assert means == sorted(means, reverse=True) and 'create_message' in [one['route'] for one in figures['slowest']]

            code, out, err = run(data, 'top', '--once', '--interval', '0.3', json_=False)
            eq(code, DONE, err)
            assert '\033' not in out and 'create_message' in out and re.search(r'sessions +1 ', out), out

            lines = subprocess.Popen([ROOKERY, 'top', '--data', data, '--json', '--interval', '0.2'], stdout=subprocess.PIPE, text=True)
            try:
                for _i in range(3):
                    assert json.loads(lines.stdout.readline())['sessions'] == 1
            finally:
                lines.terminate()
                lines.wait(10)
                lines.stdout.close()
        gateway.close()
        server.stop()


def read_until(fd, what, seconds=10):
    """What a terminal was sent, up to @what."""
    text, until = '', time.monotonic() + seconds
    while what not in text:
        assert time.monotonic() < until, 'no %r in %r' % (what, text)
        if select.select([fd], [], [], 0.2)[0]:
            text += os.read(fd, 1 << 16).decode()
    return text


@step('top on a terminal: a view in its place; q, Ctrl-C, a signal and the end of the daemon leave the terminal as it was')
def _():
    with Server() as server:
        data = data_of(server)
        for how in ('q', '\x03', signal.SIGTERM, 'stop'):
            master, slave = pty.openpty()
            before = termios.tcgetattr(slave)
            # A session of its own, whose terminal this is: Ctrl-C has somebody to go to.
            view = subprocess.Popen(['setsid', '--ctty', '--wait', ROOKERY, '--data', data, 'top', '--interval', '0.2'],
                                    stdin=slave, stdout=slave, stderr=slave)
            try:
                text = read_until(master, 'slowest routes')
                assert text.startswith('\033[?1049h') and '\033[H' in text, text
                read_until(master, 'slowest routes')
                assert not termios.tcgetattr(slave)[3] & termios.ECHO
                if how == 'stop':
                    server.stop()
                elif how == signal.SIGTERM:
                    # setsid waits for the one that it has begun.
                    with open('/proc/%d/task/%d/children' % (view.pid, view.pid)) as file:
                        os.kill(int((file.read().split() or [view.pid])[0]), how)
                else:
                    os.write(master, how.encode())
                read_until(master, '\033[?1049l')
                eq(view.wait(10), UNREACHABLE if how == 'stop' else DONE, repr(how))
                eq(termios.tcgetattr(slave), before, repr(how))
            finally:
                if view.poll() is None:
                    view.kill()
                    view.wait()
                os.close(master)
                os.close(slave)


@step('top and metrics with no daemon say so; wrong words are wrong use')
def _():
    with tempfile.TemporaryDirectory() as place:
        for words in (['top'], ['top', '--once'], ['top', '--json', '--once']):
            code, out, err = run(place, *words, json_=False)
            eq((code, out), (UNREACHABLE, ''))
            assert 'no daemon runs' in err, err
        for words in (['top', '--twice'], ['top', 'x'], ['top', '--interval'], ['top', '--interval', '0'], ['top', '--interval', 'nan'],
                      ['top', '--interval', '1x'], ['top', '--interval', '']):
            code, out, err = run(place, *words, json_=False)
            eq((code, out), (WRONG_USE, ''), repr(words))
    server = Server()
    try:
        server.start()
        server.stop()
        code, out, _ = run(data_of(server), 'metrics')
        eq(code, REFUSED)
        assert 'no daemon' in json.loads(out)['error']
        eq(run(data_of(server), 'top', '--once')[0], UNREACHABLE)
    finally:
        server.done()
