#!/usr/bin/env python3
"""A guild of a million members: what it takes in memory, how long its lists are in coming.

    bench/members.py [BUILD [MEMBERS]]

Twenty sets of overwrites, three of them watched. Prints resident memory before and after the guild is loaded."""
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, sys.argv[1] if len(sys.argv) > 1 else 'build/release')
MEMBERS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
os.environ.setdefault('ROOKERYD', os.path.join(BUILD, 'rookeryd'))
sys.path.insert(0, os.path.join(ROOT, 'test/e2e'))
from lib.server import Server  # noqa: E402
from lib.world import World  # noqa: E402


def resident_mb(server):
    with open('/proc/%d/status' % server.process.pid) as status:
        return int([line for line in status if line.startswith('VmRSS')][0].split()[1]) / 1024


def main():
    server = Server(cores=2)
    server.start()
    world = World('127.0.0.1', server.port)
    owner = world.person('owner')
    guild = world.guild(owner, 'large')
    roles = [owner.rest.post('/guilds/%s/roles' % guild['id'], {'name': 'r%d' % i, 'hoist': i < 10}).ok(200)['id']
             for i in range(20)]
    channels = [world.channel(owner, guild['id'], 'c%d' % i, permission_overwrites=[
        {'id': guild['id'], 'type': 0, 'deny': '1024'}, {'id': role, 'type': 0, 'allow': '1024'}])['id']
        for i, role in enumerate(roles)]
    server.stop()
    subprocess.run([os.path.join(BUILD, 'test/load_fill_members'), os.path.join(server.data, 'data'), guild['id'], str(MEMBERS)] + roles,
                   check=True)
    server.start()
    print('%d members' % MEMBERS)
    print('resident after the start: %.1f MB' % resident_mb(server))
    begin = time.monotonic()
    gateway = owner.gateway(v=9, guilds=False, timeout=120)
    print('READY after %.2f s' % (time.monotonic() - begin))
    for channel in [guild['system_channel_id']] + channels[:2]:
        begin = time.monotonic()
        gateway.send(14, {'guild_id': guild['id'], 'typing': True, 'channels': {channel: [[0, 99]]}})
        update = gateway.wait('GUILD_MEMBER_LIST_UPDATE', timeout=60)['d']
        print('list %s of %d after %.3f s, groups %s' % (
            update['id'], update['member_count'], time.monotonic() - begin, update['groups']))
    time.sleep(2)
    print('resident with the guild, three lists watched: %.1f MB' % resident_mb(server))
    begin = time.monotonic()
    for _ in range(20):
        message = owner.rest.post('/channels/%s/messages' % guild['system_channel_id'], {'content': 'hi'}).ok(200)
        gateway.wait('MESSAGE_CREATE', where=lambda d: d['id'] == message['id'])
    print('a message, sent and seen: %.1f ms' % ((time.monotonic() - begin) / 20 * 1000))
    gateway.close()
    server.stop()
    server.done()


main()
