"""The operator's side: commands, backups, signals, listeners, memory, metrics. Servers of this suite's own."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import admin.commands  # noqa: E402,F401
import admin.backups  # noqa: E402,F401
import admin.manners  # noqa: E402,F401
import admin.watching  # noqa: E402,F401
from lib.steps import run_steps  # noqa: E402

if __name__ == '__main__':
    sys.exit(run_steps(jobs=3).end())  # each step has servers of its own, and waits more than it works
