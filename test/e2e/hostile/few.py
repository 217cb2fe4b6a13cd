"""Servers that have little: descriptors, and the patience of Discord's limits."""

import resource
import socket
import subprocess
import time

from .base import Field, Gateway, Skip, eq, request, step
from .gateway import spam


def limit(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@step('120 frames of any kind in a minute: 4008, and the bystander stays')
def _():
    field = Field(settings={'rate_limits': 'discord'}, tls=False, settled=False)
    try:
        spam(field)
        seen = field.bystander.look()
        assert not seen['closed'], seen
    finally:
        field.done()


@step('64, 128, 256 descriptors: those who are inside stay, those who come hear no, and afterwards all is well')
def _():
    for count in (64, 128, 256):
        field = Field(tls=False, settled=False)
        try:
            resource.prlimit(field.server.pid, resource.RLIMIT_NOFILE, (count, count))
            scene = field.scene
            scene.bob
            before = field.sockets()
            held, answered, refused, silent = [], 0, 0, 0
            for _ in range(400):
                sock = socket.socket()
                sock.settimeout(2)
                sock.connect((field.host, field.port))
                held.append(sock)
            time.sleep(1)
            for sock in held:
                try:
                    sock.sendall(request('GET', '/healthz'))
                    data = sock.recv(200)
                    answered += data.startswith(b'HTTP/1.1 200')
                    refused += not data or data.startswith(b'HTTP/1.1 503')
                except TimeoutError:
                    silent += 1
                    assert silent < 5, '%d descriptors: who waits hears nothing' % count
                except OSError:
                    refused += 1
            print('# %d descriptors: %d connections served, %d refused' % (count, answered, refused), flush=True)
            eq((answered + refused, silent), (400, 0), 'answered or refused, and silent')
            assert refused >= 400 - count
            # What is written and read by those who are inside, files too.
            for i in range(50):
                scene.say(scene.ann, 'inside %d' % i)
            for sock in held:
                sock.close()
            until = time.monotonic() + 10
            while field.sockets() > before:
                assert time.monotonic() < until, '%d sockets more than before' % (field.sockets() - before)
                time.sleep(0.1)
            gateway = scene.bot.gateway()
            body = (b'--b\r\nContent-Disposition: form-data; name="files[0]"; filename="a.bin"\r\n\r\n' + b'\xa5' * 300000 + b'\r\n--b--\r\n')
            (status, _, _), = scene.exchange(request('POST', '/api/v10/channels/%s/messages' % scene.hall,
                                                     'Authorization: %s\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n' %
                                                     scene.ann.token, body))
            eq(status, 200)
            gateway.wait('MESSAGE_CREATE', where=lambda d: d['attachments'])
            gateway.close()
            seen = field.bystander.look()
            assert seen['sent'] and not seen['lost'] and not seen['refused'] and not seen['closed'], seen
            field.bystander.done()  # who hangs on is waited for at a stop
            field.server.stop()
            code, out = field.server.operator('--data', field.server.data + '/data', 'check')
            eq(code, 0, out)
        finally:
            field.done()
