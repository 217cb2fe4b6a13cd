#!/usr/bin/env python3
"""Runs the unit tests of one build: unit_run.py BUILD_DIR SUITE [NAME...].

Prints each test program's failures and, last, `N passed, N failed, N skipped`, counting single tests, not
programs. A program that died, hung or leaked counts as one more failure. NAME picks programs whose name begins
with it."""
import json
import os
import re
import subprocess
import sys


def count(program):
    """(passed, failed, skipped) of one program's TAP."""
    out = program.get('stdout', '')
    passed = len(re.findall(r'^ok \d+(?!.*# SKIP)', out, re.M))
    skipped = len(re.findall(r'^(?:not )?ok \d+.*# SKIP', out, re.M))
    failed = len(re.findall(r'^not ok \d+(?!.*# SKIP)', out, re.M))
    plans = re.findall(r'^1\.\.(\d+)', out, re.M)
    planned = sum(int(plan) for plan in plans)
    died = program['returncode'] not in (0, failed) or program['result'] == 'TIMEOUT'
    if failed == 0 and (died or not plans or passed + skipped != planned):
        failed = 1
    return passed, failed, skipped


def main():
    build, suite, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    tests = json.loads(subprocess.check_output(['meson', 'introspect', '--tests', build]))
    programs = [test['name'] for test in tests if any(s.endswith(suite) for s in test['suite'])]
    if names:
        programs = [name for name in programs if any(name.startswith(n) for n in names)]
    if not programs:
        print('0 passed, 0 failed, 0 skipped')
        return 0
    log = os.path.join(build, 'meson-logs', 'testlog.json')
    if os.path.exists(log):
        os.unlink(log)
    slow = '3' if build.endswith('san') else '1'
    meson = subprocess.run(['meson', 'test', '-C', build, '--no-rebuild', '-t', slow, *programs],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    total = [0, 0, 0]
    seen = set()
    if os.path.exists(log):
        with open(log, encoding='utf-8', errors='replace') as lines:
            for line in lines:
                program = json.loads(line)
                seen.add(program['name'].split(' / ')[-1])
                counts = count(program)
                total = [a + b for a, b in zip(total, counts)]
                if counts[1]:
                    print(f"-- {program['name']}: {program['result']}, exit {program['returncode']}")
                    print(program.get('stdout', '')[-8000:])
                    print(program.get('stderr', '')[-8000:])
                else:
                    print(f"{program['name']}: {counts[0]} passed, {program['duration']:.1f} s")
    lost = len(programs) - len(seen)
    if lost > 0:
        print(meson.stdout[-8000:])
        total[1] += lost
    print('%d passed, %d failed, %d skipped' % tuple(total))
    return 1 if total[1] else 0


sys.exit(main())
