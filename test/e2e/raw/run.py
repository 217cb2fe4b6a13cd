"""The raw suite: E2E_URL=http://127.0.0.1:PORT python run.py"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from raw import base  # noqa: E402
from raw import codings, files, frames, guilds, hidden, http_, lists, oauth, people, presence, session, strict  # noqa: E402,F401

if __name__ == '__main__':
    scene = base.Scene()
    sys.exit(base.run_steps(scene, after_failure=scene.wait_up).end())
