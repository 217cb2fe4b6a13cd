"""The hostile suite: bad input, bad manners, too much of everything. Servers of its own; E2E_SEED for the random parts."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from hostile import base  # noqa: E402
from hostile import http_, gateway, many  # noqa: E402,F401

if __name__ == '__main__':
    shared = list(base.STEPS)
    from hostile import few  # noqa: E402,F401  (servers of their own)
    report = base.run_steps(steps=base.STEPS[len(shared):])
    field = base.Field(settings={'file_max': '1M'})
    base.run_steps(field, steps=shared, report=report)
    try:
        field.done()
    except AssertionError as error:
        report.failed_step('the server stops as it should', error)
    sys.exit(report.end())
