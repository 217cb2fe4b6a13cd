"""Named steps, each on its own: `ok N name`, `not ok N name: why`, `ok N name # SKIP why`."""

import inspect
import os
import re
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor


class Skip(Exception):
    pass


STEPS = []
ASIDE = set()  # the functions of those that run beside the others


def step(name, slow=False, aside=False):
    """Registers a function as a step. Slow ones run with E2E_FULL=1 only. Those @aside wait most of their time for the server's
    clock: they run beside the others, each with an argument of its own."""
    def add(function):
        STEPS.append((name, slow, function))
        if aside:
            ASIDE.add(function)
        return function
    return add


class Report:
    def __init__(self):
        self.count = self.passed = self.failed = self.skipped = 0
        self.verbose = bool(os.environ.get('E2E_VERBOSE'))
        self.lock = threading.RLock()  # a step's lines stand together

    def line(self, good, name, note=''):
        self.count += 1
        print('%s %d %s%s' % ('ok' if good else 'not ok', self.count, name, note), flush=True)

    def passed_step(self, name):
        self.passed += 1
        self.line(True, name)

    def failed_step(self, name, why):
        self.failed += 1
        self.line(False, name, ': ' + re.sub(r'\s*\n\s*', ' | ', str(why))[:700])

    def skipped_step(self, name, why):
        self.skipped += 1
        self.line(True, name, ' # SKIP ' + str(why))

    def end(self):
        print('%d passed, %d failed, %d skipped' % (self.passed, self.failed, self.skipped), flush=True)
        return 1 if self.failed else 0

    def problem(self, name, error):
        """The reason of a failure in one line, with the place in the test."""
        place = ''
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if os.sep + 'lib' + os.sep not in frame.filename and 'e2e' in frame.filename:
                place = ' (%s:%d)' % (os.path.basename(frame.filename), frame.lineno)
                break
        if self.verbose:
            traceback.print_exception(error, file=sys.stderr)
        kind = '' if isinstance(error, AssertionError) else type(error).__name__ + ' '
        self.failed_step(name, kind + (str(error) or 'assertion failed') + place)


def wanted(name):
    """E2E_STEP chooses steps by a regular expression, while writing one."""
    pattern = os.environ.get('E2E_STEP')
    return not pattern or re.search(pattern, name)


def run_step(step_, argument, report, after_failure):
    name, slow, function = step_
    if slow and os.environ.get('E2E_FULL') != '1':
        report.skipped_step(name, 'slow: runs with --full')
        return
    begin, error = time.monotonic(), None
    try:
        function(argument) if inspect.signature(function).parameters else function()
    except Exception as raised:
        error = raised
    with report.lock:
        if error is None:
            report.passed_step(name)
        elif isinstance(error, Skip):
            report.skipped_step(name, error)
        else:
            report.problem(name, error)
        if report.verbose:
            print('# %.2f s' % (time.monotonic() - begin), flush=True)
    if error is not None and not isinstance(error, Skip) and after_failure:
        after_failure()


def run_steps(argument=None, steps=None, report=None, after_failure=None, jobs=1):
    """Runs every step with @argument (those that take one); after_failure() may wait for the server to be back.

    Steps that stand aside get argument.another(). @jobs: so many others at a time, for steps with servers of their own."""
    report = report or Report()
    chosen = [s for s in (steps if steps is not None else STEPS) if wanted(s[0])]
    run = lambda step_, own: run_step(step_, own, report, after_failure)
    beside = [s for s in chosen if s[2] in ASIDE]
    with ThreadPoolExecutor(max(1, len(beside))) as others, ThreadPoolExecutor(jobs) as pool:
        ran = [others.submit(run, s, argument and argument.another()) for s in beside]
        if jobs == 1:
            for step_ in chosen:
                if step_ not in beside:
                    run(step_, argument)
        else:
            ran += [pool.submit(run, s, argument) for s in chosen if s not in beside]
        for one in ran:
            one.result()
    return report
