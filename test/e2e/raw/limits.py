"""Rate limits as Discord's libraries read them. The server of this suite runs with rate_limits=discord."""

import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from lib.rest import Rest  # noqa: E402
from raw.base import Scene, Skip, eq, run_steps, step  # noqa: E402

HEADERS = ('x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'x-ratelimit-reset-after', 'x-ratelimit-bucket')


def send(scene, channel, content='x'):
    return scene.bot.rest.post('/channels/%s/messages' % channel, {'content': content})


def exhaust(scene, channel, most=40):
    """Sends until refused; the refusal."""
    for _ in range(most):
        answer = send(scene, channel)
        if answer.status == 429:
            return answer
        answer.ok(200)
    raise AssertionError('%d messages at once were all taken' % most)


@step('every answer says what is left')
def _(scene):
    channel = scene.channel()
    one, two = send(scene, channel), send(scene, channel)
    for answer in (one, two):
        answer.ok(200)
        for name in HEADERS:
            assert name in answer.headers, '%s is missing' % name
    limit, left = int(one.headers['x-ratelimit-limit']), int(one.headers['x-ratelimit-remaining'])
    eq(left, limit - 1)
    eq(int(two.headers['x-ratelimit-remaining']), limit - 2)
    assert 0 < float(one.headers['x-ratelimit-reset-after']) < 60
    assert abs(float(one.headers['x-ratelimit-reset']) - time.time()) < 60
    assert re.match(r'^\d+(\.\d+)?$', one.headers['x-ratelimit-reset'])
    assert 'date' in one.headers
    eq(one.headers['x-ratelimit-bucket'], two.headers['x-ratelimit-bucket'], 'bucket')


@step('the bucket has no channel in it, but each channel has its own allowance')
def _(scene):
    one, two = scene.channel(), scene.channel()
    refused = exhaust(scene, one)
    other = send(scene, two)
    other.ok(200)
    eq(other.headers['x-ratelimit-bucket'], refused.headers['x-ratelimit-bucket'])


@step('429: Via, whole Retry-After, scope, and exactly the three keys')
def _(scene):
    answer = exhaust(scene, scene.channel())
    headers = answer.headers
    eq(headers['content-type'], 'application/json')
    assert headers.get('via'), 'without Via libraries think of a ban'
    assert re.match(r'^\d+$', headers['retry-after']), 'Retry-After %r' % headers['retry-after']
    eq(headers['x-ratelimit-scope'], 'user')
    eq(headers['x-ratelimit-remaining'], '0')
    assert 'x-ratelimit-global' not in headers
    body = answer.body
    eq(sorted(body), ['global', 'message', 'retry_after'])
    eq((body['message'], body['global']), ('You are being rate limited.', False))
    assert isinstance(body['retry_after'], (int, float)) and 0 < body['retry_after'] <= int(headers['retry-after'])
    assert abs(body['retry_after'] - float(headers['x-ratelimit-reset-after'])) < 1.1


@step('after retry_after it goes on')
def _(scene):
    channel = scene.channel()
    answer = exhaust(scene, channel)
    wait = answer.body['retry_after']
    assert wait < 20, wait
    time.sleep(wait + 0.05)
    send(scene, channel).ok(200)


@step('the limits of one bot are not those of another')
def _(scene):
    channel = scene.channel()
    exhaust(scene, channel)
    other = scene.world.bot(scene.ann, 'other')
    scene.world.add_bot(scene.ann, other, scene.guild_id)
    other.rest.post('/channels/%s/messages' % channel, {'content': 'mine'}).ok(200)


@step('a refused request does nothing')
def _(scene):
    channel = scene.channel()
    sent = 0
    for _ in range(40):
        answer = send(scene, channel)
        if answer.status == 429:
            break
        sent += 1
    time.sleep(1)
    history = scene.bot.rest.get('/channels/%s/messages' % channel, query={'limit': 100}).ok(200)
    eq(len(history), sent)


@step('the global limit: X-RateLimit-Global, and no bucket')
def _(scene):
    bot = scene.world.bot(scene.ann, 'hurried')
    found, total = [], []

    def hurry():
        rest = Rest(scene.host, scene.port, 'Bot ' + bot.token, 'v10')
        for path in ('/users/@me', '/gateway/bot', '/applications/@me', '/users/@me/guilds', '/users/%s' % bot.id) * 8:
            answer = rest.get(path)
            total.append(answer.status)
            if answer.status == 429 and answer.body.get('global'):
                found.append(answer)
                return
        rest.close()
    threads = [threading.Thread(target=hurry) for _ in range(8)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begin
    if not found and len(total) / took < 55:
        raise Skip('only %d requests a second could be made' % (len(total) / took))
    assert found, '%d requests in %.1f s: %r' % (len(total), took, {s: total.count(s) for s in set(total)})
    headers, body = found[0].headers, found[0].body
    eq(headers['x-ratelimit-global'], 'true')
    eq((headers['x-ratelimit-scope'], body['global']), ('global', True))
    for name in ('x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-bucket'):
        assert name not in headers, name
    assert headers.get('via') and re.match(r'^\d+$', headers['retry-after'])


@step('reactions have an allowance that a bot can live with')
def _(scene):
    channel = scene.channel()
    message = send(scene, channel).ok(200)
    refused = 0
    for emoji in ('%F0%9F%91%8D', '%F0%9F%91%8E', '%F0%9F%98%80'):
        for _ in range(20):
            answer = scene.bot.rest.put('/channels/%s/messages/%s/reactions/%s/@me' % (channel, message['id'], emoji))
            if answer.status != 429:
                answer.ok(204)
                break
            refused += 1
            assert answer.body['retry_after'] < 5, answer.body
            time.sleep(answer.body['retry_after'])
        else:
            raise AssertionError('never got through')


@step('asking for the whole member list twice: RATE_LIMITED, and the socket stays')
def _(scene):
    gateway = scene.bot.gateway()
    ask = lambda nonce: gateway.send(8, {'guild_id': scene.guild_id, 'query': '', 'limit': 0, 'nonce': nonce})
    ask('one')
    gateway.wait('GUILD_MEMBERS_CHUNK')
    ask('two')
    d = gateway.wait('RATE_LIMITED')['d']
    eq((d['opcode'], d['meta']['guild_id'], d['meta'].get('nonce')), (8, scene.guild_id, 'two'))
    assert 0 < d['retry_after'] <= 30
    gateway.send(8, {'guild_id': scene.guild_id, 'user_ids': [scene.bot.id]})
    gateway.wait('GUILD_MEMBERS_CHUNK')
    gateway.close()


@step('4008 after 120 frames in a minute')
def _(scene):
    bot = scene.world.bot(scene.ann, 'talks too much')  # its own: IDENTIFY is limited too
    gateway = bot.gateway()
    try:
        for _ in range(125):
            gateway.heartbeat()
    except OSError:
        pass
    eq(gateway.wait_close(), 4008)
    gateway.drop()
    again = scene.gateway()
    again.hello()
    again.resume(bot.token, gateway.session_id, gateway.seq)
    again.wait('RESUMED')
    again.close()


@step('IDENTIFY too often: op 9, and it works again after five seconds')
def _(scene):
    bot = scene.world.bot(scene.ann, 'identifies')
    for _ in range(20):
        gateway = scene.gateway()
        gateway.hello()
        gateway.identify(bot.token)
        payload = gateway.recv(5)
        gateway.close()
        if payload['op'] == 9:
            eq(payload['d'], False)
            break
        eq(payload['t'], 'READY')
    else:
        raise Skip('20 sessions in a row were taken: max_concurrency is large')
    time.sleep(5.2)
    gateway = scene.gateway()
    gateway.hello()
    gateway.identify(bot.token)
    gateway.wait('READY')
    gateway.close()


@step('wrong passwords are slowed down')
def _(scene):
    for i in range(60):
        answer = scene.world.nobody.post('/auth/login', {'login': scene.ann.name, 'password': 'wrong %d' % i})
        if answer.status == 429:
            assert answer.body['retry_after'] > 0 and answer.headers.get('via')
            return
        answer.refused(400, 50035, 'login', 'INVALID_LOGIN')
    raise AssertionError('60 wrong passwords in a row were all looked at')


if __name__ == '__main__':
    scene = Scene()
    sys.exit(run_steps(scene, after_failure=scene.wait_up).end())
