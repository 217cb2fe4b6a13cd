"""A guild with so many members online that presences go only to those who look: `presence_online_max` brings "so many" down to 4."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from raw.base import Scene, eq, run_steps, step  # noqa: E402
from raw.stage import Stage, say, silent, told  # noqa: E402

MANY = 4  # as the suite's setting says


@step('lazy presence: with one member more online, bots hear nothing and are shown nobody')
def _(scene):
    stage = Stage(scene, 'ada', 'bea', 'cyd')
    ada, bea, cyd = stage.people
    one = ada.gateway(v=9, guilds=False)
    told(stage.eyes, ada)
    two = bea.gateway(v=9, guilds=False)
    told(stage.eyes, bea)
    # Three are there with the bot: all is as it is in small guilds.
    again = stage.bot.gateway()
    assert {ada.id, bea.id} <= {p['user']['id'] for p in again.guilds[stage.id]['presences']}
    say(one, 'idle')
    eq(told(stage.eyes, ada)['status'], 'idle')
    again.close()

    three = cyd.gateway(v=9, guilds=False)
    silent(stage.eyes, cyd)
    say(one, 'dnd')
    silent(stage.eyes, ada)
    again = stage.bot.gateway()
    guild = again.guilds[stage.id]
    eq([m['user']['id'] for m in guild['members']], [stage.bot.id])
    assert {p['user']['id'] for p in guild['presences']} <= {stage.bot.id}

    # Who looks is told: by name, and by the range of a list.
    two.send(14, {'guild_id': stage.id, 'typing': True, 'members': [ada.id], 'channels': {stage.hall: [[0, 99]]}})
    eq(told(two, ada)['status'], 'dnd')
    d = two.wait('GUILD_MEMBER_LIST_UPDATE')['d']
    eq(d['online_count'], MANY)
    say(three, 'idle', {'name': 'chess', 'type': 0})
    d = two.wait('GUILD_MEMBER_LIST_UPDATE')['d']
    eq(d['ops'][0]['item']['member']['presence']['activities'][0]['name'], 'chess')
    silent(two, cyd, 0.3)
    say(one, 'online')
    eq(told(two, ada)['status'], 'online')
    # And who asks.
    again.send(8, {'guild_id': stage.id, 'user_ids': [ada.id], 'presences': True})
    eq([p['status'] for p in again.wait('GUILD_MEMBERS_CHUNK')['d']['presences']], ['online'])
    # With one less it is as before.
    say(three, 'invisible')
    eq(told(stage.eyes, cyd)['status'], 'offline') # what two people say has no order
    say(one, 'idle')
    eq(told(stage.eyes, ada, lambda d: d['status'] == 'idle')['status'], 'idle')
    stage.close(one, two, three, again)


if __name__ == '__main__':
    scene = Scene()
    sys.exit(run_steps(scene, after_failure=scene.wait_up).end())
