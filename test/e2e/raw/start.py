"""Starting, stopping and starting again: servers of this suite's own."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from lib.server import ROOT, Server, free_port, sanitized  # noqa: E402
from lib.world import World  # noqa: E402
from raw.base import Scene, Skip, eq, run_steps, step  # noqa: E402
from raw.stage import say, silent, told  # noqa: E402


@step('a session is kept over a stop though its client does not answer the close')
def _():
    with Server(cores=1) as server:  # the core that writes has a descriptor that stays ready
        scene = Scene(server.url)
        deaf = scene.bot.gateway()  # reads nothing more
        server.stop()
        assert 'sessions kept sessions=1' in server.log_tail(), server.log_tail()
        deaf.drop()
        server.start()
        again = scene.gateway()
        again.hello()
        again.resume(scene.bot.token, deaf.session_id, deaf.seq)
        again.wait('RESUMED')
        again.close()
        server.stop()


@step('ready within two seconds, and idle then')
def _():
    with Server() as server:
        assert str(server.port) in server.ready_line, 'no address in %r' % server.ready_line
        seconds = server.start_seconds
        time.sleep(1)
        before = server.cpu_seconds()
        time.sleep(3)
        used = server.cpu_seconds() - before
        assert used <= 0.06, '%.2f s of CPU in 3 idle seconds' % used
        print('# ready after %.2f s, %.1f MB resident when idle' % (seconds, server.rss_bytes() / 1e6))
        assert seconds < 2.0 or sanitized(), '%.1f s to be ready' % seconds
        server.stop()


@step('a stop ends open sessions and the process, with exit 0')
def _():
    with Server() as server:
        scene = Scene(server.url)
        gateways = [scene.ann.gateway(guilds=False) for _ in range(3)]
        waiting = scene.gateway()
        begin = time.monotonic()
        server.stop(timeout=20)
        assert time.monotonic() - begin < 15
        for gateway in gateways + [waiting]:
            code = gateway.wait_close()
            assert code in (None, 1001, 1012, 4000), code
            gateway.drop()


@step('a clean restart: accounts, guilds, messages, tokens are all there')
def _():
    with Server() as server:
        scene = Scene(server.url)
        channel = scene.channel(topic='kept')
        ids = [scene.say(scene.bot, 'n %d' % i, channel)['id'] for i in range(20)]
        scene.ann.rest.put('/channels/%s/messages/pins/%s' % (channel, ids[3])).ok(204)
        scene.ann.rest.put('/channels/%s/messages/%s/reactions/%s/@me' % (channel, ids[4], '%F0%9F%91%8D')).ok(204)
        role = scene.ann.rest.post('/guilds/%s/roles' % scene.guild_id, {'name': 'kept'}).ok(200)['id']
        scene.ann.rest.put('/guilds/%s/members/%s/roles/%s' % (scene.guild_id, scene.bob.id, role)).ok(204)
        before = scene.bot.rest.get('/guilds/%s' % scene.guild_id).ok(200)
        history = scene.bot.rest.get('/channels/%s/messages' % channel).ok(200)
        for turn in range(2):
            server.stop()
            server.start()
            for actor in (scene.ann, scene.bot, scene.bob):
                eq(actor.rest.get('/users/@me').ok(200)['id'], actor.id)
            eq(scene.bot.rest.get('/guilds/%s' % scene.guild_id).ok(200), before, 'guild, turn %d' % turn)
            eq(scene.bot.rest.get('/channels/%s/messages' % channel).ok(200), history, 'messages, turn %d' % turn)
            eq(scene.ann.rest.get('/channels/%s' % channel).ok(200)['topic'], 'kept')
            eq(scene.ann.rest.get('/guilds/%s/members/%s' % (scene.guild_id, scene.bob.id)).ok(200)['roles'], [role])
            eq([m['id'] for m in scene.ann.rest.get('/channels/%s/pins' % channel).ok(200)], [ids[3]])
        new = scene.say(scene.bot, 'after', channel)
        assert int(new['id']) > int(ids[-1]), 'ids went back'
        gateway = scene.bot.gateway()
        assert scene.guild_id in gateway.guilds
        gateway.close()
        server.stop()


@step('threads over a kill and a stop: their words, members, counts, archives, and who sees a private one')
def _():
    with Server() as server:
        scene = Scene(server.url)
        channel = scene.channel()
        threads = '/channels/%s/threads' % channel
        open_, closed, secret = (scene.bob.rest.post(threads, {'name': name, 'type': kind}).ok(201)['id'] for name, kind in (
            ('open', 11), ('closed', 11), ('secret', 12)))
        started = scene.say(scene.bob, 'the root', channel)['id']
        scene.bob.rest.post('/channels/%s/messages/%s/threads' % (channel, started), {'name': 'grown'}).ok(201)
        said = {thread: [scene.say(scene.bob, 'n %d' % i, thread)['id'] for i in range(3)]
                for thread in (open_, closed, secret, started)}
        scene.bob.rest.delete('/channels/%s/messages/%s' % (open_, said[open_][0])).ok(204)
        scene.bob.rest.patch('/channels/%s' % closed, {'archived': True}).ok(200)
        eve = scene.world.person('eve')
        scene.world.join(eve, scene.ann, scene.hall)

        def read():
            return [
                {thread: scene.bob.rest.get('/channels/%s' % thread).ok(200) for thread in said},
                {thread: scene.bob.rest.get('/channels/%s/messages' % thread).ok(200) for thread in said},
                {thread: scene.bob.rest.get('/channels/%s/thread-members' % thread).ok(200) for thread in said},
                scene.bob.rest.get('/channels/%s/messages/%s' % (channel, started)).ok(200),
                sorted(t['id'] for t in scene.bob.rest.get('/guilds/%s/threads/active' % scene.guild_id).ok(200)['threads']),
                scene.bob.rest.get('/channels/%s/threads/archived/public' % channel).ok(200),
            ]
        before = read()
        eq([(before[0][t]['message_count'], before[0][t]['total_message_sent']) for t in (open_, closed)], [(2, 3), (3, 3)])
        for end in (server.kill, server.stop):
            end()
            server.start()
            eq(read(), before, end.__name__)
            eve.rest.get('/channels/%s' % secret).refused(403, 50001)
            # Spoken to, the archived one wakes.
            new = scene.say(eve, 'awake', closed)['id']
            assert int(new) > int(said[closed][-1]), 'ids went back'
            scene.bob.rest.patch('/channels/%s' % closed, {'archived': True}).ok(200)
            before = read()
        scene.ann.rest.delete('/channels/%s' % channel).ok(200)
        server.stop()
        server.start()
        for thread in said:
            scene.ann.rest.get('/channels/%s' % thread).refused(404, 10003)
        server.stop()
        code, text = server.operator('check', '--data', os.path.join(server.data, 'data'), timeout=40)
        eq(code, 0, text[-300:])


@step('a session of before the restart is told so: op 9 false')
def _():
    with Server() as server:
        scene = Scene(server.url)
        gateway = scene.ann.gateway(guilds=False)
        server.kill()
        gateway.drop()
        server.start()
        again = scene.gateway()
        again.hello()
        again.resume(scene.ann.token, gateway.session_id, gateway.seq)
        eq(again.wait(op=9)['d'], False)
        again.identify(scene.ann.token, None)
        again.wait('READY')
        again.close()
        server.stop()


@step('an IPv6 listener')
def _():
    try:
        free_port('::1')
    except OSError as error:
        raise Skip('no IPv6 here: %s' % error) from None
    with Server(host='::1') as server:
        world = World('::1', server.port)
        person = world.person('six')
        gateway = person.gateway(guilds=False)
        assert '[::1]' in gateway.resume_url, gateway.resume_url
        gateway.close()
        server.stop()


@step('two servers on one data folder: the second says why not')
def _():
    with Server() as server:
        port = free_port()
        done = subprocess.run([server.binary, '--data', os.path.join(server.data, 'data'), '--listen', '127.0.0.1:%d' % port],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=20)
        assert done.returncode != 0, 'it started'
        text = done.stdout.decode('utf-8', 'replace')
        assert re.search(r'lock|in use|another', text, re.I), text[-300:]
        assert server.alive()
        World('127.0.0.1', server.port).nobody.get('/gateway').ok(200)
        server.stop()


@step('options that are wrong: a message and no start')
def _():
    from lib.server import ROOKERYD
    data = tempfile.mkdtemp(prefix='rookery-e2e-')
    try:
        for words in (['--set', 'no_such_setting=1'], ['--set', 'rate_limits=sometimes'], ['--listen', 'nonsense'],
                      ['--cores', 'many'], ['--cores', '9999'], ['--no-such-option'], ['--listen', '127.0.0.1:99999']):
            try:
                done = subprocess.run(
                    [ROOKERYD, '--data', os.path.join(data, 'd'), '--listen', '127.0.0.1:%d' % free_port(), *words],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=10)
            except subprocess.TimeoutExpired:
                raise AssertionError('it started with %r' % words) from None
            assert done.returncode > 0 and done.stdout.strip(), '%r: exit %d, %r' % (words, done.returncode, done.stdout[-200:])
    finally:
        shutil.rmtree(data, ignore_errors=True)


@step('the port is taken: a message and no start')
def _():
    with Server() as server:
        data = tempfile.mkdtemp(prefix='rookery-e2e-')
        try:
            done = subprocess.run([server.binary, '--data', os.path.join(data, 'd'), '--listen', '127.0.0.1:%d' % server.port],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=20)
        except subprocess.TimeoutExpired:
            raise AssertionError('it started beside the other') from None
        finally:
            shutil.rmtree(data, ignore_errors=True)
        assert done.returncode > 0 and str(server.port) in done.stdout.decode('utf-8', 'replace'), done.stdout[-300:]
        server.stop()


@step('relationships are there after a stop and after a kill, and friends are told by sessions on any core')
def _():
    with Server(cores=4) as server:
        world = Scene(server.url).world
        people = [world.person('rel') for _ in range(6)]
        here = lambda one: '/users/@me/relationships/%s' % one.id
        listed = lambda who: {r['id']: (r['type'], r['nickname'], r['user_ignored']) for r in who.rest.get('/users/@me/relationships').ok(200)}
        hub, friends, blocked, asked = people[2], [people[0], people[1], people[5]], people[3], people[4]
        for friend in friends:
            hub.rest.put(here(friend), {}).ok(204)
            friend.rest.put(here(hub), {}).ok(204)
        hub.rest.patch(here(friends[0]), {'nickname': 'first'}).ok(204)
        hub.rest.put(here(blocked), {'type': 2}).ok(204)
        asked.rest.put(here(hub), {}).ok(204)
        hub.rest.put(here(asked) + '/ignore', {}).ok(204)
        before = [listed(person) for person in people]
        eq(sorted(v[0] for v in before[2].values()), [1, 1, 1, 2, 3])
        for stop in (server.stop, server.kill):
            stop()
            server.start()
            eq([listed(person) for person in people], before)
            blocked.rest.put(here(hub), {}).refused(400, 80000)
            eyes = [person.gateway(guilds=False) for person in friends for _ in range(3)]
            mine = hub.gateway(guilds=False)
            others = [blocked.gateway(guilds=False), asked.gateway(guilds=False)]
            for gateway in eyes:
                eq(told(gateway, hub)['status'], 'online')
            eq({p['user']['id']: p['status'] for p in mine.ready['presences']}, {person.id: 'online' for person in friends})
            say(mine, 'idle')
            for gateway in eyes:
                eq(told(gateway, hub)['status'], 'idle')
            for gateway in others:
                silent(gateway, hub, timeout=0.2)
            for gateway in eyes + others + [mine]:
                gateway.close()
        server.stop()


@step('sessions on every core see the same events in the same order')
def _():
    for cores in (1, 4):
        with Server(cores=cores) as server:
            scene = Scene(server.url)
            gateways = [scene.ann.gateway(guilds=False) for _ in range(8)]
            scene.hall
            sent = [scene.say(scene.ann, 'm %d' % i)['id'] for i in range(30)]
            for gateway in gateways:
                gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == sent[-1])
                got = [p['d']['id'] for p in gateway.seen if p['t'] == 'MESSAGE_CREATE']
                eq(got, sent, 'with %d cores' % cores)
                gateway.close()
            server.stop()


@step('connections that come and go leave nothing behind')
def _():
    with Server() as server:
        scene = Scene(server.url)
        def turn(count):
            for _ in range(count):
                gateway = scene.ann.gateway(guilds=False)
                gateway.close()
                scene.world.nobody.get('/gateway', headers={'Connection': 'close'}).ok(200)
        turn(30)
        time.sleep(1)
        fds, rss = server.fds(), server.rss_bytes()
        turn(200)
        time.sleep(1)
        assert server.fds() <= fds + 3, 'descriptors: %d, then %d' % (fds, server.fds())
        grown = server.rss_bytes() - rss
        # The sanitizer keeps freed blocks back.
        assert grown < 16e6 or sanitized(), 'grew by %.1f MB' % (grown / 1e6)
        server.stop()


@step('hours later: a poll has ended by its time, and old messages are edited so many times', slow=True)
def _():
    if sanitized():
        raise Skip('LD_PRELOAD and the address sanitizer do not go together')
    if not shutil.which('cc'):
        raise Skip('no C compiler')
    with tempfile.TemporaryDirectory() as folder, Server(settings={'rate_limits': 'off'}) as server:
        library = os.path.join(folder, 'clockshift.so')
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', library, os.path.join(ROOT, 'test', 'support', 'clockshift.c')], check=True)
        scene = Scene(server.url)
        rest, where = scene.ann.rest, '/channels/%s/messages' % scene.hall
        old = rest.post(where, {'content': 'old'}).ok(200)['id']
        poll = rest.post(where, {'poll': {'question': {'text': 'q'}, 'duration': 1, 'answers': [{'poll_media': {'text': 'a'}}]}}).ok(200)['id']
        server.stop()
        server.settings['rate_limits'] = 'discord'
        server.env.update(LD_PRELOAD=library, CLOCKSHIFT_S=str(2 * 3600))
        server.start()
        rest.close()
        rest.port = server.port
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            listed = rest.get(where).ok(200)
            if listed[0]['type'] == 46:
                break
            time.sleep(0.2)
        eq((listed[0]['type'], listed[0]['message_reference']['message_id']), (46, poll))
        eq(rest.get('%s/%s' % (where, poll)).ok(200)['poll']['results']['is_finalized'], True)
        fresh, edits, refused = rest.post(where, {'content': 'new'}).ok(200)['id'], 0, None
        while not refused:
            answer = rest.patch('%s/%s' % (where, old), {'content': 'edit %d' % edits})
            if answer.status == 429 and answer.code is None:
                time.sleep(answer.body['retry_after'] + 0.01)
            elif answer.status == 429:
                refused = answer
            else:
                answer.ok(200)
                edits += 1
        eq(edits, 30)
        assert 0 < refused.refused(429, 30046)['retry_after'] <= 3600
        time.sleep(5)
        rest.patch('%s/%s' % (where, fresh), {'content': 'edited'}).ok(200)
        server.stop()


@step('read states over a stop and a kill: acks, counts, what the guild keeps of mentions')
def _():
    with Server() as server:
        scene = Scene(server.url)
        channel, dm = scene.channel(), scene.bot.rest.post('/users/@me/channels', {'recipient_id': scene.bob.id}).ok(200)['id']
        seen = scene.say(scene.ann, 'seen', channel)['id']
        scene.bob.rest.post('/channels/%s/messages/%s/ack' % (channel, seen), {'token': None}).ok(200)
        scene.say(scene.ann, '<@%s>' % scene.bob.id, channel)
        scene.say(scene.ann, '@everyone', channel)
        scene.say(scene.bot, 'psst', dm)

        def state():
            gateway = scene.bob.gateway(guilds=False)
            found = {s['id']: (s['last_message_id'], s['mention_count']) for s in gateway.ready['read_state']}
            gateway.close()
            return found.get(channel), found.get(dm)
        deadline = time.monotonic() + 5
        wanted = ((seen, 2), (None, 1))
        while state() != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        eq(state(), wanted)
        server.stop()
        server.start()
        eq(state(), wanted, 'after a stop')
        server.kill()
        server.start()
        eq(state(), wanted, 'after a kill')
        server.stop()


if __name__ == '__main__':
    sys.exit(run_steps().end())
