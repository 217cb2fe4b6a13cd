"""History as it is opened: the latest messages are kept in memory, and must never be older than the last answer."""

import concurrent.futures

from .base import eq, step


def newest(scene, path, limit=50):
    return scene.ann.rest.get(path + '/messages', query={'limit': limit}).ok(200)


@step('the newest messages are true after each change to one of them')
def _(scene):
    rest = scene.ann.rest
    path = '/channels/%s' % scene.channel()
    eq(newest(scene, path), [])
    ids = [rest.post(path + '/messages', {'content': 'm%d' % i}).ok(200)['id'] for i in range(60)][::-1]

    def check(what):
        for limit in (1, 7, 50, 51, 100):
            found = newest(scene, path, limit)
            eq([m['id'] for m in found], ids[:limit], '%s, limit %d' % (what, limit))
            eq(found[0], rest.get('%s/messages/%s' % (path, ids[0])).ok(200), what)

    check('sent')
    rest.patch('%s/messages/%s' % (path, ids[0]), {'content': 'changed'}).ok(200)
    check('edited')
    eq(newest(scene, path, 1)[0]['content'], 'changed')
    rest.put('%s/messages/%s/reactions/%%F0%%9F%%91%%8D/@me' % (path, ids[0])).ok(204)
    check('reacted')
    eq(newest(scene, path)[0]['reactions'][0]['me'], True)
    eq(scene.bot.rest.get(path + '/messages').ok(200)[0]['reactions'][0]['me'], False)
    rest.delete('%s/messages/%s/reactions' % (path, ids[0])).ok(204)
    check('reactions removed')
    rest.put('%s/pins/%s' % (path, ids[0])).ok(204)
    pinned = newest(scene, path, 2)
    eq((pinned[0]['type'], pinned[1]['pinned']), (6, True))
    ids.insert(0, pinned[0]['id'])
    check('pinned')
    rest.delete('%s/messages/%s' % (path, ids.pop(3))).ok(204)
    check('deleted')
    rest.post(path + '/messages/bulk-delete', {'messages': ids[4:9]}).ok(204)
    del ids[4:9]
    check('deleted in bulk')
    rest.patch('/users/@me', {'global_name': 'Ann the Second'}).ok(200)
    eq(newest(scene, path)[-1]['author']['global_name'], 'Ann the Second')
    rest.patch('/users/@me', {'global_name': None}).ok(200)
    for id in ids:
        rest.delete('%s/messages/%s' % (path, id)).ok(204)
    ids.clear()
    eq(newest(scene, path), [])


@step('who wrote, edited or deleted sees that in the list at once, whoever else does the same')
def _(scene):
    path = '/channels/%s' % scene.channel()

    people = [scene.ann] + [scene.world.person('history%d' % n) for n in range(3)]
    for person in people[1:]:
        scene.world.join(person, scene.ann, scene.hall)

    def one(n):
        rest = people[n].rest
        for i in range(25):
            sent = rest.post(path + '/messages', {'content': '%d %d' % (n, i)}).ok(200)

            def mine():
                return [m for m in rest.get(path + '/messages', query={'limit': 100}).ok(200) if m['id'] == sent['id']]

            eq([m['content'] for m in mine()], ['%d %d' % (n, i)])
            rest.patch('%s/messages/%s' % (path, sent['id']), {'content': 'again'}).ok(200)
            eq([m['content'] for m in mine()], ['again'])
            if i % 2:
                rest.delete('%s/messages/%s' % (path, sent['id'])).ok(204)
                eq(mine(), [])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
