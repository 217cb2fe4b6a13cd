"""Senders that remember what they were told, a watcher that remembers what it saw, and the comparison."""

import http.client
import json
import random
import threading
import time

CHANNELS = 3


class Crowd:
    """Each sender has its own connection and its own words; nothing is tried twice."""

    def __init__(self, scene, senders, seed):
        self.scene, self.senders = scene, senders
        self.actor = scene.ann
        self.channels = [scene.channel() for _ in range(CHANNELS)]
        self.watcher = self.actor.gateway(guilds=False)
        self.watcher.run_in_background()
        self.random = random.Random(seed)
        self.ending = False
        self.threads = []
        self.lock = threading.Lock()
        self.refused = 0
        # id -> [channel, the states that may be found]: a state is a content, or None for deleted.
        # The first was acknowledged, a second one was asked for without hearing of it.
        self.known = {}
        self.words = set()     # contents that were sent with or without an answer
        self.mark = '%08x' % self.random.randrange(1 << 32)

    def start(self, stop_on_error=True, body_size=0):
        self.stop_on_error, self.body_size = stop_on_error, body_size
        for number in range(self.senders):
            thread = threading.Thread(target=self._send, args=(number, self.random.randrange(1 << 32)), daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self):
        self.ending = True
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), 'a sender hangs'
        self.watcher.drop()
        # Dispatch by dispatch: what the watcher had got before the end, in its order.
        self.seen = [p for p in self.watcher.seen if p['op'] == 0]

    def acknowledged(self):
        return len(self.known)

    def _send(self, number, seed):
        chance = random.Random(seed)
        connection = None
        mine = []
        count = 0
        while not self.ending:
            if connection is None:
                connection = http.client.HTTPConnection(self.scene.host, self.scene.port, timeout=20)
            dice = chance.random()
            try:
                if mine and dice < 0.15:
                    self._edit(connection, chance.choice(mine), '%s-%d-edit%d' % (self.mark, number, count))
                elif mine and dice < 0.25:
                    self._delete(connection, mine.pop(chance.randrange(len(mine))))
                else:
                    content = '%s-%d-%d%s' % (self.mark, number, count, ' ' + 'x' * self.body_size if self.body_size else '')
                    made = self._create(connection, chance.choice(self.channels), content)
                    if made:
                        mine.append(made)
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None
                if self.stop_on_error:
                    return
                time.sleep(0.1)
            count += 1
        if connection:
            connection.close()

    def _call(self, connection, method, path, body=None):
        headers = {'Authorization': self.actor.rest.authorization}
        if body is not None:
            headers['Content-Type'] = 'application/json'
        connection.request(method, '/api/v10' + path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        raw = response.read()
        if response.status >= 300:
            with self.lock:
                self.refused += 1
            if self.stop_on_error and response.status not in (503, 404):
                raise AssertionError('%s %s answered %d: %r' % (method, path, response.status, raw[:200]))
            time.sleep(0.02)
        return response.status, raw

    def _create(self, connection, channel, content):
        with self.lock:
            self.words.add(content)
        status, raw = self._call(connection, 'POST', '/channels/%s/messages' % channel, {'content': content})
        if status != 200:
            return None
        made = json.loads(raw)['id']
        with self.lock:
            self.known[made] = [channel, [content]]
        return made

    def _edit(self, connection, message, content):
        entry = self.known[message]
        with self.lock:
            self.words.add(content)
            entry[1].append(content)
        status, _ = self._call(connection, 'PATCH', '/channels/%s/messages/%s' % (entry[0], message), {'content': content})
        if status == 200:
            entry[1][:] = [content]

    def _delete(self, connection, message):
        entry = self.known[message]
        with self.lock:
            entry[1].append(None)
        status, _ = self._call(connection, 'DELETE', '/channels/%s/messages/%s' % (entry[0], message))
        if status == 204:
            entry[1][:] = [None]


def history(scene, channel):
    """All messages of a channel, oldest first, by paging upwards."""
    messages, after = [], '0'
    while True:
        page = scene.ann.rest.get('/channels/%s/messages' % channel, query={'limit': 100, 'after': after}).ok(200)
        if not page:
            return messages
        ids = [int(m['id']) for m in page]
        assert ids == sorted(ids, reverse=True), 'a page is not newest first'
        assert ids[-1] > int(after), 'a page goes back'
        messages += reversed(page)
        after = page[0]['id']


def check(scene, crowd, seen_is_durable):
    """Compares the store with what the crowd knows. AssertionError says what is lost, doubled or out of order."""
    stored = {}
    for channel in crowd.channels:
        messages = history(scene, channel)
        ids = [int(m['id']) for m in messages]
        assert ids == sorted(set(ids)), 'ids of a channel do not rise'
        contents = [m['content'] for m in messages]
        assert len(contents) == len(set(contents)), 'a message is there twice: %s' % (
            [c for c in contents if contents.count(c) > 1][:3])
        for message in messages:
            assert message['content'] in crowd.words, 'words of another: %.80r as %s in %s; this crowd is %s in %s' % (
                message['content'], message['id'], channel, crowd.mark, crowd.channels)
            stored[message['id']] = (channel, message['content'])
    for id_, (channel, states) in crowd.known.items():
        found = stored.get(id_, (channel, None))
        assert found[0] == channel, 'message %s is in another channel' % id_
        assert found[1] in states, 'acknowledged but lost: message %s is %.60r, not %.120r' % (id_, found[1], states)
    if not seen_is_durable:
        return
    # What the watcher saw was durable before, so it is there too, and in that order.
    numbers = [p['s'] for p in crowd.seen]
    assert numbers == list(range(1, len(numbers) + 1)), 'the watcher\'s sequence has a hole or a repeat'
    order, gone = {}, set()
    for payload in crowd.seen:
        d = payload['d']
        if payload['t'] == 'MESSAGE_CREATE' and d['channel_id'] in crowd.channels:
            order.setdefault(d['channel_id'], []).append(d['id'])
        elif payload['t'] == 'MESSAGE_DELETE':
            gone.add(d['id'])
    for channel, ids in order.items():
        assert ids == sorted(ids, key=int), 'the watcher saw messages out of the order of their ids'
        for id_ in ids:
            if id_ in stored:
                assert id_ not in gone, 'message %s came back after its MESSAGE_DELETE' % id_
            else:
                may_be_gone = id_ in gone or None in crowd.known.get(id_, [None, []])[1]
                assert may_be_gone, 'seen but lost: message %s' % id_
        # No message with an id below one that was seen may turn up later unseen: the dispatch order is the order.
        below = [int(i) for i, (c, _) in stored.items() if c == channel and int(i) < int(ids[-1])]
        assert set(below) <= set(map(int, ids)), 'stored but never dispatched, though later ones were: %s' % (
            sorted(set(below) - set(map(int, ids)))[:3])
