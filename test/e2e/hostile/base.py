"""What the hostile suite shares: servers of its own, a bystander who must notice nothing, and what an attack may cost."""

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from lib.gateway import Gateway  # noqa: E402,F401
from lib.server import Server, free_port, sanitized, shadowed  # noqa: E402,F401
from lib.steps import STEPS, Skip, run_steps, step  # noqa: E402,F401
from raw.base import Scene, eq, read_answers  # noqa: E402,F401

FULL = os.environ.get('E2E_FULL') == '1'
MEMORY = 64 << 20       # an attack may cost this much resident memory at its peak
SEED = int(os.environ.get('E2E_SEED', '1'))


class Bystander:
    """A bot in another process that listens, and a person who talks (bystander.py)."""

    def __init__(self, scene):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'bystander.py'), scene.host,
             str(scene.port), scene.ann.token, scene.bot.token, scene.hall],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        eq(self.process.stdout.readline(), 'ready\n', 'bystander')

    def look(self):
        """What it saw since the last look: {'sent', 'lost', 'refused', 'closed', 'p50', 'p99', 'most'}, times in ms."""
        self.process.stdin.write('look\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, 'the bystander ended'
        return json.loads(line)

    def done(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)


class Field:
    """A server, its scene, its bystander."""

    def __init__(self, settings=None, tls=True, binary=None, settled=True, **more):
        self.place = tempfile.mkdtemp(prefix='rookery-hostile-')
        settings = dict(settings or {})
        self.tls_port = None
        if tls:
            self.certificate(settings)
        self.server = Server(settings=settings, binary=binary, **more)
        self.server.start()
        self.scene = Scene(self.server.url)
        self.host, self.port = self.scene.host, self.scene.port
        self.bystander = Bystander(self.scene)
        if settled:
            self.scene.bob
            self.scene.say(self.scene.ann, 'warm')
            self.flood_small()

    def certificate(self, settings):
        chain, key = os.path.join(self.place, 'chain.pem'), os.path.join(self.place, 'key.pem')
        try:
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                            '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', chain], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            return
        self.tls_port = free_port()
        settings.update(listen_tls='127.0.0.1:%d' % self.tls_port, tls_certificate=chain, tls_key=key)

    def flood_small(self):
        """So that first uses of things do not count as an attack's."""
        for _ in range(300):
            self.scene.ann.rest.get('/users/@me').ok(200)

    def tls_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def connect(self, timeout=10, source=None, receive=None):
        sock = socket.socket()
        if receive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        if source:
            sock.bind((source, 0))
        sock.settimeout(timeout)
        sock.connect((self.host, self.port))
        return sock

    def sockets(self):
        count = 0
        folder = '/proc/%d/fd' % self.server.pid
        for name in os.listdir(folder):
            try:
                count += os.readlink(os.path.join(folder, name)).startswith('socket:')
            except OSError:
                pass
        return count

    def peak(self):
        with open('/proc/%d/status' % self.server.pid) as status:
            return int(re.search(r'VmHWM:\s+(\d+) kB', status.read()).group(1)) << 10

    @contextlib.contextmanager
    def attack(self, memory=MEMORY, patience=30):
        """What happens inside costs the server no more than @memory at its peak, takes no descriptor for good, and the
        bystander loses nothing."""
        sockets, resident = self.sockets(), self.server.rss_bytes()
        with open('/proc/%d/clear_refs' % self.server.pid, 'w') as file:
            file.write('5')  # the peak begins anew
        cpu = self.server.cpu_seconds()
        self.bystander.look()
        yield
        time.sleep(0.3)  # so that it has had its word
        assert self.server.alive(), 'the server died: %s' % self.server.log_tail(1500)
        seen, peak = self.bystander.look(), self.peak() - resident
        print('# peak +%.1f MB, %.2f s of CPU; bystander: %d messages, p50 %.1f, p99 %.1f, most %.0f ms' % (
            peak / 1e6, self.server.cpu_seconds() - cpu, seen['sent'], seen['p50'], seen['p99'], seen['most']), flush=True)
        assert not seen['lost'] and not seen['refused'] and not seen['closed'], 'the bystander noticed: %r' % seen
        assert seen['sent'], 'the bystander could not say a word'
        if not shadowed():  # nor does the quarantine give back what is freed
            assert peak <= memory, 'resident memory grew by %.1f MB' % (peak / 1e6)
        until = time.monotonic() + patience
        while self.sockets() > sockets:
            assert time.monotonic() < until, '%d sockets were not given back' % (self.sockets() - sockets)
            time.sleep(0.1)

    def done(self):
        self.bystander.done()
        try:
            self.server.stop()
        finally:
            self.server.done()
            shutil.rmtree(self.place, ignore_errors=True)


def request(method, path, headers='', body=b'', host='Host: x\r\n'):
    head = '%s %s HTTP/1.1\r\n%s%s' % (method, path, host, headers)
    if body and 'ransfer-' not in headers and 'ontent-Length' not in headers:
        head += 'Content-Length: %d\r\n' % len(body)
    return (head + '\r\n').encode('latin-1') + body


def statuses(field, data, timeout=10):
    """All statuses that come before the server closes; it has to, though we end nothing but our direction."""
    with field.connect(timeout) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused while still sending: the answer may be there all the same
        return [a[0] for a in read_answers(sock)]
