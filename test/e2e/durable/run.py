"""What was acknowledged is there: after kill -9, after a power cut, on a disk that fills up or fails.

Many senders write, edit and delete as fast as they can while a watcher listens; then the server dies at a random
moment, comes back, and everything is compared with what the senders were told.

    python durable/run.py          E2E_FULL=1: 30 moments instead of 5; E2E_SEED chooses the moments
"""

import errno
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..'))
from durable.crowd import Crowd, check  # noqa: E402
from lib.server import ROOT, Server, StartFailed, sanitized  # noqa: E402
from lib.steps import Skip, run_steps, step  # noqa: E402
from raw.base import Scene, eq  # noqa: E402

FULL = os.environ.get('E2E_FULL') == '1'
SEED = int(os.environ.get('E2E_SEED') or random.SystemRandom().randrange(1 << 32))
SENDERS = 32


def operator_check(server):
    """`rookery check` on a data folder that no server has open. Without the binary only its own step fails."""
    try:
        code, text = server.operator('check', '--data', os.path.join(server.data, 'data'), timeout=40)
    except FileNotFoundError:
        return
    except subprocess.TimeoutExpired:
        raise AssertionError('rookery check: no end within 40 s, with %d MB free' % (
            shutil.disk_usage(server.data).free >> 20)) from None
    assert code == 0, 'rookery check: exit %d: %s' % (code, text[-400:])


class Lost(AssertionError):
    """What was there before a death is not there after it."""


def die_again_and_again(server, kill, rounds):
    """Rounds of load and death on one data folder; (acknowledged, slowest start in seconds)."""
    moments = random.Random(SEED)
    scene = Scene(server.url)
    acknowledged, slowest = 0, 0
    for turn in range(rounds):
        moment = moments.uniform(0.15, 1.5)
        crowd = Crowd(scene, SENDERS, seed=SEED + turn)
        crowd.start()
        time.sleep(moment)
        kill(server)
        crowd.stop()
        try:
            server.start()
            check(scene, crowd, seen_is_durable=True)
        except Exception as error:
            raise Lost('seed %d, turn %d, killed after %.2f s with %d acknowledged: %s' % (
                SEED, turn, moment, crowd.acknowledged(), error)) from error
        slowest = max(slowest, server.start_seconds)
        acknowledged += crowd.acknowledged()
    return acknowledged, slowest


@step('kill -9 under %d senders: what got 200 is there, once, in order' % SENDERS)
def _():
    rounds = 30 if FULL else 5
    with Server() as server:
        count, slowest = die_again_and_again(server, Server.kill, rounds)
        assert count > rounds * 20, 'only %d writes were acknowledged in %d rounds' % (count, rounds)
        print('# %d acknowledged writes over %d deaths, slowest start %.2f s, seed %d' % (count, rounds, slowest, SEED))
        server.stop()
        operator_check(server)


@step('kill -9 while people ask, accept, block and end: both sides of each relationship fit')
def _():
    rng = random.Random(SEED)
    fits = {(0, 0), (1, 1), (3, 4), (4, 3), (2, 0), (0, 2), (2, 2)}
    with Server(cores=2) as server:
        world = Scene(server.url).world
        people = [world.person('rel') for _ in range(6)]
        listed = lambda who: {r['id']: r['type'] for r in who.rest.get('/users/@me/relationships').ok(200)}
        acts, seen = [0], set()

        def act(who, seed, stop):
            own = random.Random(seed)
            while not stop.is_set():
                path = '/users/@me/relationships/%s' % own.choice([p for p in people if p is not who]).id
                try:
                    if own.random() < 0.25:
                        who.rest.delete(path)
                    else:
                        who.rest.put(path, {'type': 2} if own.random() < 0.15 else {})
                    acts[0] += 1
                except Exception:  # noqa: BLE001: it died
                    time.sleep(0.01)
        for turn in range(8):
            stop = threading.Event()
            threads = [threading.Thread(target=act, args=(who, rng.random(), stop)) for who in people]
            for thread in threads:
                thread.start()
            time.sleep(0.2 + rng.random() * 0.6)
            server.kill()
            stop.set()
            for thread in threads:
                thread.join()
            server.start()
            lists = {person.id: listed(person) for person in people}
            for one in people:
                for two in people:
                    both = lists[one.id].get(two.id, 0), lists[two.id].get(one.id, 0)
                    assert one is two or both in fits, 'turn %d: %s and %s are %r' % (turn, one.id, two.id, both)
                    seen.add(both)
        assert len(seen) >= 5, seen
        print('# %d acts over 8 deaths, seed %d' % (acts[0], SEED))
        server.stop()
        operator_check(server)


def build_fsyncloss(folder):
    source = os.path.join(ROOT, 'test', 'support', 'fsyncloss.c')
    if not os.path.exists(source):
        raise Skip('there is no %s' % source)
    library = os.path.join(folder, 'fsyncloss.so')
    done = subprocess.run(['cc', '-std=gnu17', '-O1', '-D_GNU_SOURCE', '-shared', '-fPIC', '-I', os.path.join(ROOT, 'src'), '-I',
                           os.path.join(ROOT, 'test'), source, '-o', library, '-ldl', '-pthread'],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()[-400:]
    return library


def power_cut(server):
    """Everything that was not synced is forgotten; the library kills the process itself."""
    import signal
    if server.process.poll() is not None:
        raise AssertionError('the server ended by itself: %s' % server.log_tail(500))
    server.process.send_signal(signal.SIGUSR1)
    try:
        server.process.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        raise AssertionError('no power cut after SIGUSR1') from None
    server.kill()


def power_server(folder, sync):
    data = os.path.join(folder, 'data-' + sync)
    os.makedirs(data)
    return Server(data=data, settings={'sync': sync},
                  env={'LD_PRELOAD': build_fsyncloss(folder), 'FSYNCLOSS_DIR': os.path.realpath(data)})


@step('a power cut under %d senders: what got 200 was synced' % SENDERS)
def _():
    if sanitized():
        raise Skip('LD_PRELOAD and the address sanitizer do not go together')
    folder = tempfile.mkdtemp(prefix='rookery-e2e-power-')
    try:
        with power_server(folder, 'always') as server:
            rounds = 15 if FULL else 3
            count, slowest = die_again_and_again(server, power_cut, rounds)
            print('# %d acknowledged writes over %d power cuts, slowest start %.2f s' % (count, rounds, slowest))
            power_cut(server)
            operator_check(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@step('the same without syncing is caught: the test can fail')
def _():
    if sanitized():
        raise Skip('LD_PRELOAD and the address sanitizer do not go together')
    folder = tempfile.mkdtemp(prefix='rookery-e2e-power-')
    try:
        with power_server(folder, 'never') as server:
            try:
                die_again_and_again(server, power_cut, 3)
            except Lost:
                return
            raise AssertionError('nothing was lost although nothing was synced')
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@step('rookery check: nothing wrong after a kill, and a damaged file is found')
def _():
    with Server() as server:
        scene = Scene(server.url)
        for i in range(50):
            scene.say(scene.ann, 'to be checked %d' % i)
        server.kill()
        data = os.path.join(server.data, 'data')
        code, text = server.operator('check', '--data', data)
        assert code == 0, 'exit %d: %s' % (code, text[-400:])
        server.start()
        server.stop()
        code, text = server.operator('check', '--data', data)
        assert code == 0, 'after a clean stop: exit %d: %s' % (code, text[-400:])
        files = [os.path.join(at, name) for at, _, names in os.walk(data) for name in names if name.endswith('.sst')]
        assert files, 'no table file in %s' % data
        victim = max(files, key=os.path.getsize)
        with open(victim, 'r+b') as file:
            file.seek(os.path.getsize(victim) // 3)
            file.write(b'\x55' * 64)
        code, text = server.operator('check', '--data', data)
        assert code > 0 and text.strip(), 'a damaged file was not found: exit %d %s' % (code, text[-200:])


# -- disks

class Disk:
    """A small file system of its own, in this process's mount namespace if possible."""

    def __init__(self, size, kind='tmpfs'):
        if os.geteuid() != 0:
            raise Skip('mounting needs root')
        self.folder = tempfile.mkdtemp(prefix='rookery-e2e-disk-')
        self.mount = os.path.join(self.folder, 'mnt')
        self.image = os.path.join(self.folder, 'image')
        os.mkdir(self.mount)
        self.kind = kind
        if kind == 'tmpfs':
            self._run('mount', '-t', 'tmpfs', '-o', 'size=%d' % size, 'none', self.mount)
        else:
            if not shutil.which('mkfs.ext4', path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin'):
                raise Skip('no mkfs.ext4 here')
            with open(self.image, 'wb') as image:
                image.truncate(size)
            self._run('mkfs.ext4', '-q', '-F', self.image)
            self._run('mount', '-o', 'loop', self.image, self.mount)

    def _run(self, *words):
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(
            os.environ, PATH=os.environ.get('PATH', '') + ':/usr/sbin:/sbin'))
        if done.returncode:
            raise Skip('%s: %s' % (' '.join(words[:4]), done.stdout.decode('utf-8', 'replace').strip()[-200:]))

    def free(self):
        stat = os.statvfs(self.mount)
        return stat.f_bavail * stat.f_frsize

    def fill(self, leave):
        """Leaves @leave bytes free."""
        with open(os.path.join(self.mount, 'ballast'), 'ab', buffering=0) as ballast:
            while self.free() > leave:
                try:
                    ballast.write(b'\xa5' * min(1 << 20, max(4096, self.free() - leave)))
                except OSError as error:
                    if error.errno == errno.ENOSPC:
                        break
                    raise

    def empty(self):
        os.unlink(os.path.join(self.mount, 'ballast'))

    def abort(self):
        """The file system gives up, as after an I/O error: nothing is written any more."""
        self._run('mount', '-o', 'remount,abort', self.mount)

    def repair(self):
        self._run('umount', self.mount)
        subprocess.run(['fsck.ext4', '-y', self.image], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(
            os.environ, PATH=os.environ.get('PATH', '') + ':/usr/sbin:/sbin'))
        self._run('mount', '-o', 'loop', self.image, self.mount)

    def done(self):
        subprocess.run(['umount', '-l', self.mount], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)


def until_works(scene, channel, seconds):
    """Tries to write until it works again; how long it took."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        answer = scene.ann.rest.post('/channels/%s/messages' % channel, {'content': 'again?'})
        if answer.status == 200:
            return time.monotonic() - begin
        assert answer.status == 503, 'answered %d: %r' % (answer.status, answer.raw[:200])
        time.sleep(0.1)
    raise AssertionError('no write for %d s after there was room again' % seconds)


def read_within(scene, path, seconds=3):
    """A store that mends itself may refuse a read for a moment, no longer."""
    until = time.monotonic() + seconds
    while True:
        answer = scene.ann.rest.get(path)
        if answer.status != 503 or time.monotonic() > until:
            return answer.ok(200)
        time.sleep(0.05)


@step('a full disk: writes are refused, reads go on, and it comes back by itself')
def _():
    disk = Disk(256 << 20)
    try:
        with Server(data=disk.mount, settings={'disk_reserve': str(8 << 20)}) as server:
            scene = Scene(server.url)
            channel = scene.channel()
            kept = scene.say(scene.ann, 'before', channel)
            crowd = Crowd(scene, 8, seed=SEED)
            crowd.start(stop_on_error=False, body_size=1500)
            time.sleep(0.5)
            disk.fill(4 << 20)
            deadline = time.monotonic() + 10
            answer = None
            while time.monotonic() < deadline:
                answer = scene.ann.rest.post('/channels/%s/messages' % channel, {'content': 'full?'})
                if answer.status != 200:
                    break
                time.sleep(0.05)
            assert answer.status == 503, 'with a full disk: %d %r' % (answer.status, answer.raw[:200])
            eq(answer.headers['content-type'], 'application/json')
            eq(read_within(scene, '/channels/%s/messages/%s' % (channel, kept['id']))['content'], 'before', 'reading')
            gateway = scene.ann.gateway(guilds=False)
            gateway.heartbeat()
            gateway.wait(op=11)
            # And to the very last byte, so that the store itself meets the end of the disk.
            disk.fill(0)
            time.sleep(1)
            assert server.alive(), 'the server died: %s' % server.log_tail(500)
            read_within(scene, '/channels/%s/messages/%s' % (channel, kept['id']))
            disk.empty()
            took = until_works(scene, channel, 20)
            assert took < 6, 'back only after %.1f s' % took
            time.sleep(0.5)
            crowd.stop()
            gateway.close()
            print('# %d acknowledged, %d refused, back after %.1f s' % (crowd.acknowledged(), crowd.refused, took))
            check(scene, crowd, seen_is_durable=True)
            server.kill()
            server.start()
            check(scene, crowd, seen_is_durable=True)
            server.stop()
            operator_check(server)
    finally:
        disk.done()


@step('a start on a full disk: it serves reads, or waits quietly, or says why not; with room it goes on')
def _():
    disk = Disk(128 << 20)
    try:
        with Server(data=disk.mount, settings={'disk_reserve': str(8 << 20)}) as server:
            scene = Scene(server.url)
            kept = scene.say(scene.ann, 'kept')
            path = '/channels/%s/messages/%s' % (scene.hall, kept['id'])
            server.stop()
            disk.fill(4 << 20)
            lines = len(server.log_tail(1 << 24).splitlines())
            try:
                server.start(timeout=4, keep=True)
                eq(read_within(scene, path)['content'], 'kept')
            except StartFailed:
                written = len(server.log_tail(1 << 24).splitlines()) - lines
                assert written < 100, 'it wrote %d lines in 4 s' % written
                if not server.alive():
                    assert server.process.returncode > 0 and 'space' in server.log_tail(1000), server.log_tail(300)
            disk.empty()
            if not server.alive():
                server.start()
            until = time.monotonic() + 6
            while time.monotonic() < until:
                try:
                    if scene.ann.rest.post('/channels/%s/messages' % scene.hall, {'content': 'again?'}).status == 200:
                        break
                except OSError:
                    pass
                time.sleep(0.1)
            else:
                raise AssertionError('no write within 6 s after there was room')
            eq(read_within(scene, path)['content'], 'kept')
            server.stop()
    finally:
        disk.done()


@step('a disk below the reserve at the first start: said once with the numbers, and it serves when there is room')
def _():
    disk = Disk(128 << 20)
    server = Server(data=disk.mount)  # the default reserve is twice that
    try:
        for tries in range(2):
            try:
                server.start(timeout=4, keep=True)
                raise AssertionError('ready below the reserve')
            except StartFailed:
                assert server.alive(), server.log_tail()
            log = server.log_tail(1 << 24)
            said = re.findall(r'^rookeryd waiting .*disk_reserve.*$', log, re.M)
            eq(len(said), tries + 1, 'what standard output says')
            lines = [line for line in log.splitlines() if re.search(r'disk_reserve=268435456\b', line)]
            eq(len(lines), tries + 1, 'warnings with the numbers')
            free = int(re.search(r'\bfree=(\d+)', lines[-1]).group(1))
            assert 0 < free < 128 << 20, lines[-1]
            assert len(log.splitlines()) < 12 * (tries + 1), 'it wrote %d lines:\n%s' % (len(log.splitlines()), log[-1500:])
            if tries == 0:
                server.stop()  # nothing holds it up
        disk._run('mount', '-o', 'remount,size=%d' % (512 << 20), disk.mount)
        until = time.monotonic() + 5
        while not server.ready_line or not server.ready_line.startswith('rookeryd ready'):
            assert time.monotonic() < until, 'not ready with room:\n' + server.log_tail(1000)
            time.sleep(0.05)
        scene = Scene(server.url)
        scene.say(scene.ann, 'there is room')
        server.stop()
    finally:
        server.done()
        disk.done()


@step('a disk that fails under load: nothing acknowledged is lost once it is mended')
def _():
    disk = Disk(192 << 20, 'ext4')
    try:
        with Server(data=disk.mount, settings={'disk_reserve': str(8 << 20)}) as server:
            scene = Scene(server.url)
            channel = scene.channel()
            crowd = Crowd(scene, 8, seed=SEED)
            crowd.start(stop_on_error=False)
            time.sleep(1)
            disk.abort()
            time.sleep(2)
            if server.alive():
                answer = scene.ann.rest.post('/channels/%s/messages' % channel, {'content': 'on a dead disk'})
                assert answer.status in (500, 503), 'answered %d' % answer.status
            crowd.stop()
            assert crowd.acknowledged() > 20, 'only %d writes were acknowledged' % crowd.acknowledged()
            server.kill()
            disk.repair()
            server.start()
            check(scene, crowd, seen_is_durable=True)
            server.stop()
            operator_check(server)
    finally:
        disk.done()


@step('a data folder that cannot be written: a message and no start')
def _():
    disk = Disk(64 << 20)
    try:
        settings = {'disk_reserve': str(8 << 20)}
        with Server(data=disk.mount, settings=settings) as server:
            server.stop()
        disk._run('mount', '-o', 'remount,ro', disk.mount)
        server = Server(data=disk.mount, settings=settings)
        try:
            server.start(timeout=15)
        except StartFailed as error:
            assert server.process.returncode not in (None, 0, -6, -11), str(error)[-300:]
            assert 'ead-only' in str(error) or 'ermission' in str(error) or disk.mount in str(error), str(error)[-300:]
        else:
            raise AssertionError('it says ready on a disk that it cannot write')
        finally:
            server.done()
    finally:
        disk.done()


if __name__ == '__main__':
    if os.geteuid() == 0 and not os.environ.get('E2E_UNSHARED') and shutil.which('unshare'):
        # Mounts of a name space of its own vanish with this process, whatever happens to it.
        if subprocess.run(['unshare', '-m', 'true'], stderr=subprocess.DEVNULL).returncode == 0:
            os.environ['E2E_UNSHARED'] = '1'
            os.execvp('unshare', ['unshare', '-m', sys.executable] + sys.argv)
    sys.exit(run_steps().end())
