"""Named steps, each on its own: `ok N name`, `not ok N name: why`, `ok N name # SKIP why`."""

import inspect
import os
import re
import sys
import time
import traceback


class Skip(Exception):
    pass


STEPS = []


def step(name, slow=False):
    """Registers a function as a step. Slow ones run with E2E_FULL=1 only."""
    def add(function):
        STEPS.append((name, slow, function))
        return function
    return add


class Report:
    def __init__(self):
        self.count = self.passed = self.failed = self.skipped = 0
        self.verbose = bool(os.environ.get('E2E_VERBOSE'))

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


def run_steps(argument=None, steps=None, report=None, after_failure=None):
    """Runs every step with @argument (those that take one); after_failure() may wait for the server to be back."""
    report = report or Report()
    full = os.environ.get('E2E_FULL') == '1'
    for name, slow, function in steps if steps is not None else STEPS:
        if not wanted(name):
            continue
        if slow and not full:
            report.skipped_step(name, 'slow: runs with --full')
            continue
        begin = time.monotonic()
        try:
            function(argument) if inspect.signature(function).parameters else function()
            report.passed_step(name)
        except Skip as skip:
            report.skipped_step(name, skip)
        except Exception as error:
            report.problem(name, error)
            if after_failure:
                after_failure()
        if report.verbose:
            print('# %.2f s' % (time.monotonic() - begin), flush=True)
    return report
