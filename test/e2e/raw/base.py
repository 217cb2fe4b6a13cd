"""What the raw suites share: one guild with its owner, a bot and a plain member, made when first asked for."""

import os
import socket
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from lib.gateway import ALL_INTENTS, Gateway  # noqa: E402,F401
from lib.steps import Skip, run_steps, step  # noqa: E402,F401
from lib.world import World  # noqa: E402

UNKNOWN = '1000000000000000001'


def eq(got, wanted, what=''):
    if got != wanted:
        raise AssertionError('%swanted %r, got %r' % (what + ': ' if what else '', wanted, got))


class Scene:
    """Attributes are made on first use, so that one thing that fails does not spoil the others."""

    def __init__(self, url=None):
        parts = urllib.parse.urlparse(url or os.environ['E2E_URL'])
        self.host, self.port = parts.hostname, parts.port
        self.world = World(self.host, self.port)
        self._made = {}

    def another(self):
        """Of the same server, with people of its own."""
        return type(self)('http://%s:%d' % ('[%s]' % self.host if ':' in self.host else self.host, self.port))

    def _make(self, name, maker):
        if name not in self._made:
            self._made[name] = maker()
        return self._made[name]

    @property
    def ann(self):
        return self._make('ann', lambda: self.world.person('ann'))

    @property
    def guild_id(self):
        return self._make('guild', lambda: self.world.guild(self.ann, 'raw hall'))['id']

    @property
    def bot(self):
        """A bot that is administrator of the guild and has all privileged intents."""
        def make():
            bot = self.world.bot(self.ann, 'raw bot')
            self.world.add_bot(self.ann, bot, self.guild_id)
            return bot
        return self._make('bot', make)

    @property
    def hall(self):
        self.guild_id
        return self._made['guild']['system_channel_id']  # `general`: needs no route to make it

    @property
    def bob(self):
        """A plain member."""
        def make():
            bob = self.world.person('bob')
            self.world.join(bob, self.ann, self.hall)
            return bob
        return self._make('bob', make)

    def channel(self, **more):
        return self.world.channel(self.ann, self.guild_id, 'c%s' % os.urandom(3).hex(), **more)['id']

    def say(self, who, content, channel=None, **more):
        return who.rest.post('/channels/%s/messages' % (channel or self.hall), dict({'content': content}, **more)).ok(200)

    def gateway(self, **more):
        return Gateway(self.host, self.port, **more)

    def wait_up(self):
        """A server that died is started again by the runner: wait for that, so that the next step has one."""
        time.sleep(0.3)
        until = time.monotonic() + 15
        while time.monotonic() < until:
            try:
                socket.create_connection((self.host, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)

    # -- HTTP as bytes

    def exchange(self, data, timeout=10, answers=None, shut=False):
        """Sends bytes on a fresh connection and reads answers until the server closes, or @answers came.

        Gives [(status, headers, body), ...] as a client would understand them; headers have lower-case names."""
        with socket.create_connection((self.host, self.port), timeout) as sock:
            sock.settimeout(timeout)
            try:
                sock.sendall(data)
                if shut:
                    sock.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused while still sending: the answer may be there all the same
            return read_answers(sock, answers)


def read_answers(sock, wanted=None, no_body=False):
    buffer, answers, open_ = b'', [], True
    while wanted is None or len(answers) < wanted:
        parsed = parse_answer(buffer, no_body)
        if parsed:
            answer, buffer = parsed
            if answer[0] != 100 or wanted is None:
                answers.append(answer)
            continue
        if not open_:
            break
        try:
            data = sock.recv(65536)
        except (socket.timeout, TimeoutError):
            if wanted is None:
                raise AssertionError('the connection stays open, %d answers came' % len(answers)) from None
            raise AssertionError('%d of %d answers came in time' % (len(answers), wanted)) from None
        except ConnectionResetError:
            data = b''
        open_ = bool(data)
        buffer += data
    return answers


def parse_answer(data, no_body=False):
    head, sep, rest = data.partition(b'\r\n\r\n')
    if not sep:
        return None
    lines = head.decode('latin-1').split('\r\n')
    version, status = lines[0].split(' ')[:2]
    assert version in ('HTTP/1.1', 'HTTP/1.0'), lines[0]
    status = int(status)
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(':')
        headers[name.lower()] = value.strip()
    if status in (204, 304) or status < 200 or no_body:
        return (status, headers, b''), rest
    if headers.get('transfer-encoding') == 'chunked':
        body = b''
        while True:
            line, sep, rest = rest.partition(b'\r\n')
            if not sep:
                return None
            size = int(line.split(b';')[0], 16)
            if len(rest) < size + 2:
                return None
            body, rest = body + rest[:size], rest[size + 2:]
            if size == 0:
                return (status, headers, body), rest
    size = int(headers.get('content-length', 0))
    if len(rest) < size:
        return None
    return (status, headers, rest[:size]), rest[size:]
