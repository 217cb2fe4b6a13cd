"""The raw suite, all modules here that are no suite of their own: E2E_URL=http://127.0.0.1:PORT python run.py"""

import importlib
import os
import pkgutil
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, '..'))
from raw import base  # noqa: E402

OTHERS = {'base', 'run', 'lazy', 'limits', 'start'}

for module in sorted(m.name for m in pkgutil.iter_modules([here])):
    if module not in OTHERS:
        importlib.import_module('raw.' + module)

if __name__ == '__main__':
    scene = base.Scene()
    sys.exit(base.run_steps(scene, after_failure=scene.wait_up).end())
