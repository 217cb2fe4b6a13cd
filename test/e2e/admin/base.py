"""What the operator's steps share: `rookery` run on a server's data, with its answer and how it ended."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from lib.server import ROOKERY, Server  # noqa: E402,F401
from lib.steps import Skip, run_steps, step  # noqa: E402,F401
from lib.world import PASSWORD, World  # noqa: E402,F401
from raw.base import Scene, eq  # noqa: E402,F401

DONE, REFUSED, WRONG_USE, UNREACHABLE = 0, 1, 2, 3


def data_of(server):
    return os.path.join(server.data, 'data')


def run(data, *words, stdin='', json_=True):
    """(exit code, standard output, standard error) of rookery."""
    command = [ROOKERY, '--data', data] + (['--json'] if json_ else []) + list(words)
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, text=True)
    return done.returncode, done.stdout, done.stderr


def ask(data, *words, stdin=''):
    """The answer of a command that has to work."""
    code, out, err = run(data, *words, stdin=stdin)
    assert code == DONE, '%s ended with %d: %s %s' % (' '.join(words), code, out, err)
    answer = json.loads(out)
    assert answer['ok'] is True
    return answer


def refused(data, *words, stdin=''):
    """The error of a command that must not work, though it was asked for rightly."""
    code, out, err = run(data, *words, stdin=stdin)
    assert code == REFUSED, '%s ended with %d: %s %s' % (' '.join(words), code, out, err)
    answer = json.loads(out)
    assert answer['ok'] is False and answer['error']
    return answer['error']


def login(world, name, password, *statuses):
    return world.nobody.post('/auth/login', {'login': name, 'password': password})
