"""Backup while people talk, restore elsewhere, and copies that are damaged."""

import os
import random
import shutil
import tempfile
import threading
import time

from .base import REFUSED, UNREACHABLE, Scene, Server, World, ask, data_of, eq, refused, run, step


class Talk:
    """Somebody who says one thing after the other and remembers what was acknowledged, and when."""

    def __init__(self, scene, channel):
        self.scene, self.channel = scene, channel
        self.said, self.errors, self.ending = [], [], threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        number = 0
        while not self.ending.is_set():
            try:
                message = self.scene.say(self.scene.ann, 'n %d' % number, self.channel)
                self.said.append((time.monotonic(), message['id'], message['content']))
                number += 1
            except Exception as error:  # noqa: B902
                self.errors.append(error)
                return

    def end(self):
        self.ending.set()
        self.thread.join(20)
        assert not self.errors, self.errors[0]


def all_messages(who, channel):
    got, before = {}, None
    while True:
        page = who.rest.get('/channels/%s/messages' % channel, query=dict({'limit': 100}, **({'before': before} if before else {}))).ok(200)
        got.update((m['id'], m['content']) for m in page)
        if len(page) < 100:
            return got
        before = page[-1]['id']


@step('backup under load, restore, compare: all that was acknowledged before it, no gap in it')
def _():
    with Server() as server, tempfile.TemporaryDirectory() as place:
        data, scene = data_of(server), Scene(server.url)
        channel = scene.channel(topic='kept')
        upload = os.urandom(200000)
        attachment = attach(scene, channel, upload)
        talk = Talk(scene, channel)
        time.sleep(1.5)
        dest, begun = os.path.join(place, 'copy'), time.monotonic()
        answer = ask(data, 'backup', dest)
        talk.ended_at = time.monotonic()
        time.sleep(0.5)
        talk.end()
        assert answer['rows_checked'] > 0 and answer['files'] > 3
        assert any(at > talk.ended_at for at, _, _ in talk.said), 'nobody could speak meanwhile'
        eq(sorted(os.listdir(dest)), sorted(['manifest', 'secrets', 'store'] + (['files'] if attachment else [])))
        eq(os.stat(dest).st_mode & 0o777, 0o700)
        eq(os.stat(os.path.join(dest, 'secrets')).st_mode & 0o777, 0o600)
        guild = scene.ann.rest.get('/guilds/%s' % scene.guild_id).ok(200)
        epoch = ask(data, 'status')['epoch']
        server.stop()

        other = Server(data=os.path.join(place, 'other'))
        os.mkdir(other.data)
        restored = ask(data_of(other), 'restore', dest)
        eq(restored['files'], answer['files'])
        eq(ask(data_of(other), 'check')['faults'], 0)
        other.start()
        try:
            assert ask(data_of(other), 'status')['epoch'] > epoch + 1000, 'versions may come twice'
            copy = Scene(other.url)
            ann = type(scene.ann)(copy.world, scene.ann.token)
            got = all_messages(ann, channel)
            said = [(i, c) for _, i, c in talk.said]
            kept = [i in got for i, _ in said]
            for at, number, content in talk.said:
                if at < begun:
                    eq(got.get(number), content, 'said before the backup')
            assert kept == sorted(kept, reverse=True), 'a gap in what was said'
            eq(ann.rest.get('/guilds/%s' % scene.guild_id).ok(200), guild)
            if attachment:
                eq(fetch(copy, ann, channel, attachment), upload)
            newest = ann.rest.post('/channels/%s/messages' % channel, {'content': 'on'}).ok(200)
            assert int(newest['id']) > max(int(i) for i, _ in said), 'ids went back'
            other.stop()
        finally:
            other.done()


def attach(scene, channel, content):
    """Sends a file, gives the message's id; None where files are not taken."""
    boundary = 'x%s' % os.urandom(8).hex()
    raw = ('--%s\r\nContent-Disposition: form-data; name="files[0]"; filename="noise.bin"\r\n'
           'Content-Type: application/octet-stream\r\n\r\n' % boundary).encode() + content + ('\r\n--%s--\r\n' % boundary).encode()
    answer = scene.ann.rest.request('POST', '/channels/%s/messages' % channel, raw=raw,
                                    headers={'Content-Type': 'multipart/form-data; boundary=' + boundary})
    return answer.body['id'] if answer.status == 200 and answer.body.get('attachments') else None


def fetch(scene, who, channel, message):
    import urllib.parse
    import urllib.request
    url = who.rest.get('/channels/%s/messages/%s' % (channel, message)).ok(200)['attachments'][0]['url']
    parts = urllib.parse.urlparse(url)
    with urllib.request.urlopen('http://%s:%d%s?%s' % (scene.host, scene.port, parts.path, parts.query)) as answer:
        return answer.read()


@step('backup without a daemon; a place that is there already is refused')
def _():
    with Server() as server, tempfile.TemporaryDirectory() as place:
        Scene(server.url).bob
        data, dest = data_of(server), os.path.join(place, 'copy')
        server.stop()
        rows = ask(data, 'backup', dest)['rows_checked']
        assert 'exists' in refused(data, 'backup', dest)
        eq(ask(os.path.join(place, 'new'), 'restore', dest)['rows_checked'], rows)
        assert 'not empty' in refused(os.path.join(place, 'new'), 'restore', dest)
        eq(ask(os.path.join(place, 'new'), 'check')['users'], 2)
        server.start()
        eq(sorted(os.listdir(place)), ['copy', 'new'])
        server.stop()


@step('a relative place is the caller\'s, not the daemon\'s')
def _():
    import subprocess
    from .base import ROOKERY
    with Server() as server, tempfile.TemporaryDirectory() as place:
        done = subprocess.run([ROOKERY, '--data', os.path.abspath(data_of(server)), 'backup', 'here'], cwd=place,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        eq(done.returncode, 0, done.stdout)
        assert os.path.exists(os.path.join(place, 'here', 'manifest'))
        server.stop()


def make_backup(place):
    with Server() as server:
        scene = Scene(server.url)
        for i in range(50):
            scene.say(scene.ann, 'x' * 500 + str(i))
        ask(data_of(server), 'backup', os.path.join(place, 'copy'))
        server.stop()
    return os.path.join(place, 'copy')


def flip(path, at):
    with open(path, 'r+b') as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x55]))


@step('a damaged backup is not restored: any byte, a missing file, a cut or changed manifest')
def _():
    with tempfile.TemporaryDirectory() as place:
        copy = make_backup(place)
        names = ['secrets'] + [os.path.join('store', n) for n in sorted(os.listdir(os.path.join(copy, 'store')))]
        rng = random.Random(7)
        for name in names:
            bad = os.path.join(place, 'bad')
            shutil.copytree(copy, bad)
            path = os.path.join(bad, name)
            flip(path, rng.randrange(os.path.getsize(path)))
            assert 'manifest' in refused(os.path.join(place, 'new'), 'restore', bad), name
            os.unlink(path)
            refused(os.path.join(place, 'new'), 'restore', bad)
            shutil.rmtree(bad)
        for change in (lambda t: t[:len(t) // 2], lambda t: t[:-1], lambda t: t.replace(' secrets', ' ../secrets'), lambda t: '',
                       lambda t: t.replace(' store/CURRENT', ' store/../../CURRENT'), lambda t: t.replace('rookery-backup 1', 'rookery-backup 2'),
                       lambda t: t.replace(' secrets', ' /etc/secrets')):
            bad = os.path.join(place, 'bad')
            shutil.copytree(copy, bad)
            path = os.path.join(bad, 'manifest')
            with open(path) as file:
                text = file.read()
            with open(path, 'w') as file:
                file.write(change(text))
            assert 'damaged' in refused(os.path.join(place, 'new'), 'restore', bad)
            shutil.rmtree(bad)
        refused(os.path.join(place, 'new'), 'restore', os.path.join(place, 'absent'))
        eq(sorted(os.listdir(place)), ['copy'])
        ask(os.path.join(place, 'new'), 'restore', copy)


@step('check on a corrupted store says so')
def _():
    with tempfile.TemporaryDirectory() as place:
        copy = make_backup(place)
        store = os.path.join(copy, 'store')
        tables = sorted((n for n in os.listdir(store) if n.endswith('.sst')), key=lambda n: os.path.getsize(os.path.join(store, n)))
        found = 0
        for name in tables:
            bad = os.path.join(place, 'bad')
            shutil.copytree(copy, bad)
            path = os.path.join(bad, 'store', name)
            flip(path, 40)  # in the first block of rows
            code, out, err = run(bad, 'check')
            assert code in (REFUSED, UNREACHABLE), 'a flipped byte in %s was not found: %s %s' % (name, out, err)
            found += code == REFUSED
            shutil.rmtree(bad)
        assert found, 'no copy could even be opened'
        eq(ask(copy, 'check')['faults'], 0)


@step('check while the server works: no false alarm')
def _():
    with Server() as server:
        data, scene = data_of(server), Scene(server.url)
        stop, errors = threading.Event(), []

        def churn(number):
            world = World(server.host, server.port)
            try:
                while not stop.is_set():
                    person = world.person('c%d' % number)
                    guild = world.guild(person)
                    person.rest.post('/invites/%s' % code, {}).ok(200)
                    person.rest.delete('/users/@me/guilds/%s' % scene.guild_id).ok(204)
                    person.rest.delete('/guilds/%s' % guild['id']).ok(204)
            except Exception as error:  # noqa: B902
                errors.append(error)
        code = scene.ann.rest.post('/channels/%s/invites' % scene.hall, {'max_uses': 0}).ok(200)['code']
        threads = [threading.Thread(target=churn, args=(n,), daemon=True) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _turn in range(3):
                answer = ask(data, 'check')
                eq((answer['faults'], answer['bad_rows']), (0, 0), answer['problems'])
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        assert not errors, errors[0]
        server.stop()


@step('one long command at a time; others go on')
def _():
    with Server() as server, tempfile.TemporaryDirectory() as place:
        data, scene = data_of(server), Scene(server.url)
        for i in range(30):
            scene.say(scene.ann, 'y' * 1000)
        results = []
        threads = [threading.Thread(target=lambda n=n: results.append(run(data, 'backup', os.path.join(place, str(n))))) for n in range(4)]
        for thread in threads:
            thread.start()
        ask(data, 'users', 'list')
        for thread in threads:
            thread.join()
        codes = [code for code, _, _ in results]
        assert 0 in codes and set(codes) <= {0, REFUSED}, results
        eq(len(os.listdir(place)), codes.count(0))
        server.stop()
