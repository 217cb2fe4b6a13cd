"""The discord.py suite: E2E_URL=http://127.0.0.1:PORT [E2E_COMPRESS=zstd-stream] python run.py"""

import asyncio
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from py import world as py_world  # noqa: E402
from lib.steps import Report, Skip, wanted  # noqa: E402
from py.steps import guild, life, message, people, threads  # noqa: E402,F401


async def main():
    report = Report()
    first = 'two bots log in with %s and hold the guild' % py_world.WANTED
    world = py_world.World(os.environ['E2E_URL'].rstrip('/'))
    try:
        py_world.check_compression()
        await asyncio.wait_for(world.start(), 60)
        report.passed_step(first)
    except Exception as error:
        report.problem(first, error)
        print('# nothing else can be tried')
        return report.end()
    for name, seconds, function in py_world.STEPS:
        if not wanted(name):
            continue
        begin = time.monotonic()
        world.mark()
        try:
            await asyncio.wait_for(function(world), seconds)
            report.passed_step(name)
        except Skip as skip:
            report.skipped_step(name, skip)
        except asyncio.TimeoutError:
            report.failed_step(name, 'not done within %d s' % seconds)
        except Exception as error:
            report.problem(name, error)
            await world.wait_up()
        if report.verbose:
            print('# %.2f s' % (time.monotonic() - begin), flush=True)
    # A library that throws inside its own parsers has met something that it cannot read: that is a finding.
    errors = [args for watch, _ in world.tasks for event, args in watch.seen if event == 'error']
    ended = [repr(task.exception()) for _, task in world.tasks if task.done() and not task.cancelled() and task.exception()]
    name = 'the library threw nothing of its own'
    if errors or ended:
        report.failed_step(name, '%r %s' % (errors[:1], ended[:1]))
    else:
        report.passed_step(name)
    await world.stop()
    return report.end()


if __name__ == '__main__':
    code = asyncio.run(main())
    sys.stdout.flush()
    os._exit(code)
