"""Too many connections, and connections that are too slow."""

import os
import subprocess
import sys
import time

from .base import FULL, eq, request, step

CROWD = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'crowd.py')


@step('10,000 connections half open: silent, in mid-head, in mid-body, before IDENTIFY, in a handshake of TLS')
def _(field):
    count, processes = (18000, 3) if FULL else (10000, 2)
    # Heads have 15 s, bodies must move in 10 s, TLS and IDENTIFY have their time, too: then all are given back.
    with field.attack(patience=75):
        crowd = [subprocess.Popen([sys.executable, CROWD, field.host, str(field.port), str(field.tls_port or 0), str(count // processes),
                                   str(1 + 8 * i)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for i in range(processes)]
        try:
            for process in crowd:
                line = process.stdout.readline()
                eq(line, 'open %d\n' % (count // processes))
            print('# %d connections, %d sockets of the server' % (count, field.sockets()), flush=True)
            for _ in range(30):
                (status, _, _), = field.scene.exchange(request('GET', '/healthz', 'Connection: close\r\n'))
                eq(status, 200)
            time.sleep(17)
            closed = 0
            for process in crowd:
                process.stdin.close()
                closed += int(process.stdout.readline().split()[1])
            # All but those that the 15 s have not reached, and the WebSockets.
            print('# %d were closed after 17 s' % closed, flush=True)
            assert closed > count * 8 // 10, 'only %d of %d were closed' % (closed, count)
        finally:
            for process in crowd:
                process.kill()
                process.wait()
