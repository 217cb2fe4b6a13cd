"""A bot that listens and a person who talks, beside an attack: bystander.py HOST PORT PERSON BOT CHANNEL.

Says `ready`, then for each line of input one of JSON: what happened since the last one."""

import json
import os
import queue
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from lib.gateway import Gateway  # noqa: E402
from lib.rest import Rest  # noqa: E402
from lib.ws import Closed  # noqa: E402

PAUSE = 0.05


class Watch:
    def __init__(self, host, port, person, bot, channel):
        self.lock, self.at, self.came = threading.Lock(), {}, queue.Queue()
        self.times, self.sent, self.lost, self.refused, self.closed, self.ending = [], 0, 0, [], [], False
        self.gateway = Gateway(host, port).start(bot)
        self.rest, self.path = Rest(host, port, person), '/channels/%s/messages' % channel
        for run in (self.listen, self.beat, self.talk):
            threading.Thread(target=run, daemon=True).start()

    def listen(self):
        while True:
            try:
                payload = self.gateway.recv(60)
            except (Closed, TimeoutError, OSError) as error:
                self.closed.append(repr(error))
                return
            self.gateway.seen.clear()
            if payload['t'] == 'MESSAGE_CREATE':
                with self.lock:
                    begin = self.at.pop(payload['d']['content'], None)
                    if begin:
                        self.times.append(time.monotonic() - begin)

    def beat(self):
        while True:
            time.sleep(10)
            self.gateway.heartbeat()

    def talk(self):
        number = 0
        while True:
            number += 1
            text = 'bystander %d' % number
            with self.lock:
                self.at[text] = time.monotonic()
            try:
                answer = self.rest.post(self.path, {'content': text})
                if answer.status != 200:
                    raise OSError('answered %d' % answer.status)
            except Exception as error:
                with self.lock:
                    del self.at[text]
                    self.refused.append(repr(error)[:200])
            else:
                with self.lock:
                    self.sent += 1
            time.sleep(PAUSE)

    def look(self):
        start = time.monotonic()
        while True:
            with self.lock:
                late = [begin for begin in self.at.values() if begin < start]
                if not late or time.monotonic() > start + 10 or self.closed:
                    times = sorted(self.times) or [0]
                    result = {'sent': self.sent, 'lost': len(late), 'refused': self.refused[:3], 'closed': list(self.closed),
                              'p50': times[len(times) // 2] * 1e3, 'p99': times[len(times) * 99 // 100] * 1e3,
                              'most': times[-1] * 1e3}
                    self.times, self.sent, self.refused = [], 0, []
                    return result
            time.sleep(0.02)


watch = Watch(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5])
print('ready', flush=True)
for _ in sys.stdin:
    print(json.dumps(watch.look()), flush=True)
