"""How a daemon behaves: signals, listeners, TLS, memory, metrics."""

import contextlib
import ctypes
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time

from .base import PASSWORD, Scene, Server, Skip, ask, data_of, eq, step
from lib.gateway import RECONNECT
from lib.server import free_port


def wait_log(server, pattern, seconds=5):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = re.search(pattern, server.log_tail(1 << 20))
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError('the log does not say %r:\n%s' % (pattern, server.log_tail()))


def get(connection, path, headers=None):
    connection.request('GET', path, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@step('SIGTERM: op 7 to every session, the listener shut, exit 0 within five seconds')
def _():
    with Server() as server:
        scene = Scene(server.url)
        gateways = [scene.ann.gateway(guilds=False), scene.bot.gateway(guilds=False)]
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        for gateway in gateways:
            gateway.wait(op=RECONNECT)
        assert time.monotonic() - begin < 2
        try:
            socket.create_connection((server.host, server.port), 1).close()
            raise AssertionError('it still listens')
        except OSError:
            pass
        # They hang on: the drain has an end.
        eq(server.process.wait(15), 0)
        assert 3 < time.monotonic() - begin < 9, '%.1f s' % (time.monotonic() - begin)


@step('SIGTERM with clients that leave when told: no waiting')
def _():
    with Server() as server:
        scene = Scene(server.url)
        gateway = scene.ann.gateway(guilds=False)
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        gateway.wait(op=RECONNECT)
        gateway.close()
        eq(server.process.wait(15), 0)
        assert time.monotonic() - begin < 3


@step('SIGHUP: settings that may change do, the rest keep and the log says so; a broken file changes nothing')
def _():
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, 'rookery.conf')

        def write(text):
            with open(path, 'w') as file:
                file.write(text)
        write('registration = "open"\nsync = "always"\n')
        with Server(words=['--config', path]) as server:
            scene = Scene(server.url)
            scene.world.person('early')
            write('registration = "closed"\nsync = "never"\nlog_level = "debug"\n')
            server.process.send_signal(signal.SIGHUP)
            wait_log(server, 'setting changed name=registration')
            wait_log(server, 'needs a restart name=sync')
            wait_log(server, 'info reloaded')
            answer = scene.world.nobody.post('/auth/register', {'username': 'late', 'password': PASSWORD, 'consent': True})
            answer.refused(400, 50035, 'username', 'REGISTRATION_CLOSED')
            write('registration = "nonsense"\n')
            server.process.send_signal(signal.SIGHUP)
            wait_log(server, 'error configuration not reloaded.*nonsense')
            answer = scene.world.nobody.post('/auth/register', {'username': 'late', 'password': PASSWORD, 'consent': True})
            answer.refused(400, 50035, 'username', 'REGISTRATION_CLOSED')
            write('registration = "open"\n')
            for _turn in range(20):
                server.process.send_signal(signal.SIGHUP)
            until = time.monotonic() + 5
            while time.monotonic() < until:
                answer = scene.world.nobody.post('/auth/register', {'username': 'later_%d' % time.monotonic_ns(), 'password': PASSWORD, 'consent': True})
                if answer.status in (200, 201):
                    break
                time.sleep(0.1)
            answer.ok(200, 201)
            server.stop()


@step('SIGHUP: rate limits and the public address change for REST and gateway; limits off are refused where the public may come')
def _():
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, 'rookery.conf')

        def reload(text, line):
            with open(path, 'w') as file:
                file.write(text)
            server.process.send_signal(signal.SIGHUP)
            wait_log(server, line)
        with open(path, 'w') as file:
            file.write('rate_limits = "off"\n')
        server = Server(words=['--config', path])
        del server.settings['rate_limits']
        with server:
            scene = Scene(server.url)
            ann = scene.world.person('ann')
            eq(ann.rest.get('/gateway').ok(200)['url'], 'ws://127.0.0.1:%d' % server.port)
            for _turn in range(70):
                ann.rest.get('/users/@me').ok(200)
            gateway = ann.gateway()
            for _turn in range(130):
                gateway.send(1, None)
            gateway.close()
            assert 'x-ratelimit-limit' not in ann.rest.get('/users/@me').headers
            reload('rate_limits = "discord"\npublic_url = "https://chat.example.org"\ncores = 7\nlisten = "127.0.0.1:1"\nsync = "never"\n',
                   'setting changed name=rate_limits')
            wait_log(server, 'setting changed name=public_url')
            for key in ('cores', 'sync'):
                wait_log(server, 'warn setting changed in the file, needs a restart name=' + key)
            wait_log(server, 'info reloaded')
            answer = ann.rest.get('/gateway')
            eq(answer.ok(200)['url'], 'wss://chat.example.org')
            assert 'x-ratelimit-limit' in ann.rest.get('/users/@me').headers
            gateway = ann.gateway()
            eq(gateway.ready['resume_gateway_url'], 'wss://chat.example.org')
            for _turn in range(130):
                gateway.send(1, None)
            eq(gateway.wait_close(), 4008)
            server.stop()
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, 'rookery.conf')
        with open(path, 'w') as file:
            file.write('rate_limits = "discord"\nregistration = "open"\n')
        server = Server(words=['--config', path], host='0.0.0.0')
        del server.settings['rate_limits']
        with server:
            reload('rate_limits = "off"\nregistration = "closed"\nlisten = "127.0.0.1:1"\n', 'configuration not reloaded, the old one stays why="rate_limits = off')
            server.stop()


def certificate(place, name):
    """A self-signed certificate; (chain, key)."""
    chain, key = os.path.join(place, 'chain.pem'), os.path.join(place, 'key.pem')
    try:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                        '-subj', '/CN=' + name, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', chain],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise Skip('no openssl') from None
    return chain, key


def shown_name(port):
    """The common name of the certificate that the server shows now."""
    pem = ssl.get_server_certificate(('127.0.0.1', port))
    done = subprocess.run(['openssl', 'x509', '-noout', '-subject'], input=pem.encode(), stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().strip().rpartition('=')[2].strip()


@step('TLS: REST and a gateway session over it, links say https; a new certificate after SIGHUP, a bad one leaves the old')
def _():
    with tempfile.TemporaryDirectory() as place:
        chain, key = certificate(place, 'first')
        port = free_port()
        with Server(settings={'listen_tls': '127.0.0.1:%d' % port, 'tls_certificate': chain, 'tls_key': key}) as server:
            context = ssl.create_default_context(cafile=chain)
            connection = http.client.HTTPSConnection('localhost', port, context=context, timeout=10)
            status, body = get(connection, '/api/v10/gateway')
            eq(status, 200)
            assert 'wss://localhost:%d' % port in body, body
            for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
                weak = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                weak.check_hostname, weak.verify_mode = False, ssl.CERT_NONE
                try:
                    weak.minimum_version = weak.maximum_version = old
                    weak.wrap_socket(socket.create_connection(('127.0.0.1', port), 5))
                    raise AssertionError('%s is taken' % old)
                except (ssl.SSLError, ValueError, OSError):
                    pass
            scene = Scene(server.url)
            raw = context.wrap_socket(socket.create_connection(('127.0.0.1', port), 10), server_hostname='localhost')
            raw.sendall(b'GET /?v=10&encoding=json HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                        b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
            data = b''
            while b'"op":10' not in data.replace(b' ', b''):
                more = raw.recv(4096)
                assert more, data
                data += more
            assert data.startswith(b'HTTP/1.1 101')
            raw.close()
            scene.ann
            eq(shown_name(port), 'first')
            certificate(place, 'second')
            server.process.send_signal(signal.SIGHUP)
            wait_log(server, 'info reloaded')
            eq(shown_name(port), 'second')
            status, _ = get(connection, '/api/v10/gateway')
            eq(status, 200, 'a connection of before')
            with open(chain, 'w') as file:
                file.write('rubbish')
            server.process.send_signal(signal.SIGHUP)
            wait_log(server, 'error certificate not reloaded')
            eq(shown_name(port), 'second')
            server.stop()


@step('IPv6 and unix listeners beside each other; the socket goes with the daemon, a stale one is taken over')
def _():
    try:
        port = free_port('::1')
    except OSError:
        raise Skip('no IPv6 here') from None
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, 'web.sock')
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(path)
        stale.close()
        with Server(words=['--set', 'listen=[::1]:%d, unix:%s' % (port, path)]) as server:
            six = http.client.HTTPConnection('::1', port, timeout=10)
            eq(get(six, '/healthz'), (200, 'ok\n'))
            eq(get(six, '/readyz'), (200, 'ready\n'))
            status, body = get(six, '/api/v10/gateway')
            assert status == 200 and 'ws://[::1]:%d' % port in body, body
            unix = http.client.HTTPConnection('chat.example.org', timeout=10)
            unix.sock = socket.socket(socket.AF_UNIX)
            unix.sock.connect(path)
            # A proxy that is trusted, as it stands behind a unix socket.
            status, body = get(unix, '/api/v10/gateway', {'X-Forwarded-Proto': 'https'})
            assert status == 200 and 'wss://chat.example.org' in body, body
            server.stop()
        assert not os.path.exists(path)


@step('memory_max: over it nothing new is let in, with 503; raised by SIGHUP, all is well again')
def _():
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, 'rookery.conf')
        with open(path, 'w') as file:
            file.write('memory_max = "1G"\n')
        with Server(words=['--config', path], settings={'log_level': 'debug'}) as server:
            scene = Scene(server.url)
            gateway = scene.ann.gateway()
            left = scene.bot.gateway()
            left.drop()
            for i in range(3):
                scene.say(scene.ann, 'before %d' % i)
            used = server.rss_bytes()
            if used > 60e6:
                raise Skip('too big for the least that can be set')
            # Filled by connections that have sent most of a request each, and wait.
            held = []
            with open(path, 'w') as file:
                file.write('memory_max = "64M"\n')
            server.process.send_signal(signal.SIGHUP)
            wait_log(server, 'setting changed name=memory_max')
            head = ('POST /api/v9/channels/%s/messages HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\n'
                    'Content-Length: 1000000\r\n\r\n' % (scene.hall, scene.ann.token)).encode()
            for i in range(120):
                sock = socket.create_connection((server.host, server.port), 5)
                try:
                    sock.sendall(head + b'{"content":"' + b'x' * 900000)
                except OSError:
                    pass
                held.append(sock)
            wait_log(server, 'error memory is short', 10)
            wait_log(server, 'dropped for memory core=\\d+ cells=\\d+ sessions=\\d+')
            with socket.create_connection((server.host, server.port), 5) as new:
                new.settimeout(5)
                new.sendall(b'GET /api/v10/gateway HTTP/1.1\r\nHost: x\r\n\r\n')
                assert new.recv(4096).startswith(b'HTTP/1.1 503 '), 'let in'
            scene.say(scene.ann, 'still here')  # on a connection of before
            eq(gateway.wait('MESSAGE_CREATE', where=lambda d: d['content'] == 'still here')['d']['content'], 'still here')
            eq(ask(data_of(server), 'status')['memory_short'], True)
            for sock in held:
                sock.close()
            with open(path, 'w') as file:
                file.write('memory_max = "1G"\n')
            server.process.send_signal(signal.SIGHUP)
            wait_log(server, 'info memory is enough again', 10)
            scene.world.person('eve')
            scene.bot.gateway().close()
            server.stop()


@step('the readiness of systemd: READY=1 when it serves, STOPPING=1 when it ends')
def _():
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, 'notify')
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(path)
        sock.settimeout(10)
        with Server(env={'NOTIFY_SOCKET': path}) as server:
            assert b'READY=1' in sock.recv(1000)
            server.process.send_signal(signal.SIGTERM)
            assert b'STOPPING=1' in sock.recv(1000)
            server.process.wait(10)
        sock.close()


@contextlib.contextmanager
def notify_socket():
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, 'notify')
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(path)
        try:
            yield sock, path
        finally:
            sock.close()


def told(sock, seconds):
    """What systemd is told within @seconds."""
    until, lines = time.monotonic() + seconds, []
    while (left := until - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            lines += sock.recv(1000).decode().splitlines()
        except TimeoutError:
            break
    return lines


@contextlib.contextmanager
def hung_thread(pid, name):
    """One thread of the process stands still as a debugger holds it; the others run."""
    seize, interrupt, detach = 0x4206, 0x4207, 17
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.restype, ptrace.argtypes = ctypes.c_long, [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for tid in os.listdir('/proc/%d/task' % pid):
        with open('/proc/%d/task/%s/comm' % (pid, tid)) as comm:
            if comm.read().strip() == name:
                break
    else:
        raise AssertionError('no thread %s' % name)
    if ptrace(seize, int(tid), None, None) < 0:
        raise Skip('ptrace is not allowed: ' + os.strerror(ctypes.get_errno()))
    assert ptrace(interrupt, int(tid), None, None) == 0
    until = time.monotonic() + 5
    while True:
        with open('/proc/%d/task/%s/stat' % (pid, tid)) as stat:
            if stat.read().rpartition(')')[2].split()[0] == 't':
                break
        assert time.monotonic() < until, 'the thread goes on'
        time.sleep(0.01)
    try:
        yield
    finally:
        os.waitpid(int(tid), 0x40000000)  # __WALL: a thread is no child of its own
        assert ptrace(detach, int(tid), None, None) == 0


@step('the watchdog of systemd: a sign at half its time, none with one core hung')
def _():
    with notify_socket() as (sock, path):
        with Server(env={'NOTIFY_SOCKET': path}, cores=3) as server:
            lines = told(sock, 1)
            assert 'READY=1' in lines and 'WATCHDOG=1' not in lines, lines  # none was asked for
            server.stop()
        told(sock, 0.1)
        with Server(env={'NOTIFY_SOCKET': path, 'WATCHDOG_USEC': '400000'}, cores=3) as server:
            lines = told(sock, 3)
            assert 'READY=1' in lines, lines
            signs = lines.count('WATCHDOG=1')
            assert 5 <= signs <= 16, '%d signs in 3 s' % signs
            for core in ('core-2', 'core-0', 'core-1'):
                with hung_thread(server.pid, core):
                    told(sock, 0.3)  # one may have been on its way
                    eq(told(sock, 1.2), [], 'with %s hung' % core)
                assert told(sock, 0.6).count('WATCHDOG=1') >= 2, '%s runs again' % core
            server.stop()
            assert 'STOPPING=1' in told(sock, 0.2)
