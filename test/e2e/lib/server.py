"""Starts and stops a server of one's own, on a free port and a data folder that goes with it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..', '..'))
ROOKERYD = os.environ.get('ROOKERYD') or os.path.join(ROOT, 'build', 'debug', 'rookeryd')
ROOKERY = os.environ.get('ROOKERY') or os.path.join(os.path.dirname(ROOKERYD), 'rookery')


class StartFailed(Exception):
    pass


def sanitized():
    """Whether the binary is built with the address sanitizer: slower, bigger, and no friend of LD_PRELOAD."""
    with open(ROOKERYD, 'rb') as binary:
        return b'__asan_init' in binary.read()


def shadowed():
    """Whether it is built with one that needs memory of its own for each byte of ours: what is resident says nothing then."""
    with open(ROOKERYD, 'rb') as binary:
        return b'__tsan_init' in binary.read() or sanitized()


def free_port(host='127.0.0.1'):
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind((host, 0))
        return sock.getsockname()[1]


class Server:
    """settings: {'key': 'value'} for --set. A given data folder is kept, an own one removed in done()."""

    def __init__(self, data=None, cores=None, settings=None, host='127.0.0.1', env=None, binary=None, logs=None,
                 words=()):
        self.own_data = data is None
        self.data = data or tempfile.mkdtemp(prefix='rookery-e2e-')
        self.cores = cores or int(os.environ.get('E2E_CORES', '2'))
        self.settings = {'rate_limits': 'off'}
        self.settings.update(settings or {})
        self.host, self.port, self.words = host, None, list(words)
        self.env, self.binary = env or {}, binary or ROOKERYD
        self.log_path = os.path.join(logs or tempfile.mkdtemp(prefix='rookery-e2e-log-'), 'server.log')
        self.own_logs = logs is None
        self.process = None
        self.ready_line = None
        self.starts = 0

    def start(self, timeout=30, keep=False):
        """Waits for the ready line. StartFailed with the end of the log otherwise; with @keep a process that still
        tries is left alone."""
        if not os.access(self.binary, os.X_OK):
            raise StartFailed('there is no %s' % self.binary)
        fixed = self.port is not None
        for attempt in range(3):
            if not fixed or self.port is None:
                self.port = free_port(self.host)
            listen = ('[%s]:%d' if ':' in self.host else '%s:%d') % (self.host, self.port)
            command = [self.binary, '--data', os.path.join(self.data, 'data'), '--listen', listen,
                       '--cores', str(self.cores)]
            for key, value in self.settings.items():
                command += ['--set', '%s=%s' % (key, value)]
            command += self.words
            self.log = open(self.log_path, 'ab')
            begin = time.monotonic()
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log,
                                            stdin=subprocess.DEVNULL, env={**os.environ, **self.env})
            ready = threading.Event()
            threading.Thread(target=self._pump, args=(self.process, ready), daemon=True).start()
            while not ready.wait(0.02):
                if self.process.poll() is not None or time.monotonic() - begin > timeout:
                    break
            if ready.is_set():
                self.start_seconds = time.monotonic() - begin
                self.starts += 1
                return self
            if keep and self.alive():
                raise StartFailed('not ready within %d s' % timeout)
            self.kill()
            # Somebody else may have taken the port between the look and the bind.
            if not re.search(r'[Aa]ddress (already )?in use|EADDRINUSE', self.log_tail()):
                break
        raise StartFailed('not ready within %d s, exit %s\n%s' % (timeout, self.process.returncode, self.log_tail()))

    def _pump(self, process, ready):
        """Standard output goes to the log as well, so that the pipe never fills up."""
        for line in process.stdout:
            try:
                self.log.write(line)
                self.log.flush()
            except ValueError:
                return
            if b'ready' in line and not ready.is_set():
                self.ready_line = line.decode('utf-8', 'replace').strip()
                ready.set()
        process.stdout.close()

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return 'http://%s:%d' % ('[%s]' % self.host if ':' in self.host else self.host, self.port)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout=30):
        """A clean stop. AssertionError if it does not end, or not with 0: sanitizers speak that way."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError('no end within %d s of SIGTERM\n%s' % (timeout, self.log_tail())) from None
        finally:
            self.log.close()
        if code != 0:
            raise AssertionError('ended with %d\n%s' % (code, self.log_tail()))

    def kill(self):
        """kill -9, as the kernel does when memory is short."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.log.close()

    def done(self):
        self.kill()
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)
        if self.own_logs:
            shutil.rmtree(os.path.dirname(self.log_path), ignore_errors=True)

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *exc):
        self.done()

    def log_tail(self, size=3000):
        try:
            with open(self.log_path, 'rb') as log:
                log.seek(0, 2)
                log.seek(max(0, log.tell() - size))
                return log.read().decode('utf-8', 'replace')
        except OSError:
            return ''

    # -- what it costs

    def rss_bytes(self):
        with open('/proc/%d/status' % self.pid) as status:
            return int(re.search(r'VmRSS:\s+(\d+) kB', status.read()).group(1)) * 1024

    def cpu_seconds(self):
        """User and system time of the process so far."""
        with open('/proc/%d/stat' % self.pid) as stat:
            fields = stat.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def fds(self):
        return len(os.listdir('/proc/%d/fd' % self.pid))

    # -- the operator's command line

    def operator(self, *words, timeout=120):
        """Runs `rookery WORDS`, gives (exit code, output)."""
        if not os.access(ROOKERY, os.X_OK):
            raise FileNotFoundError('there is no %s' % ROOKERY)
        done = subprocess.run([ROOKERY, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=timeout)
        return done.returncode, done.stdout.decode('utf-8', 'replace')
