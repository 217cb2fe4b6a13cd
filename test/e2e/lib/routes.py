"""Which routes the steps have called: each served one is to succeed in at least one step and to refuse in another.

The server counts calls and errors by route (/metrics); what it serves is said by the generated openapi.json. Answers
of 429 and 401 are refusals of every route alike, so suites that provoke them by the hundred are not counted (run)."""

import json
import os
import re
import threading
import urllib.request

LINE = re.compile(r'^rookery_route_(seconds_count|errors_total)\{route="(\w+)"[^}]*\} (\d+)$', re.M)


class Routes:
    def __init__(self, openapi):
        """@openapi: path of the document; it lies in the build folder of the server that is tested."""
        self.served = {}  # name -> (group, call, can it refuse)
        self.calls, self.errors = {}, {}
        self.lock = threading.Lock()  # suites may end at the same time
        with open(openapi) as file:
            document = json.load(file)
        for path, methods in document['paths'].items():
            for method, operation in methods.items():
                open_to_all = {} in operation.get('security', [{}]) or not operation.get('security')
                refuses = bool(operation.get('x-errors')) or not open_to_all
                self.served[operation['operationId']] = (operation['tags'][0], '%s %s' % (method.upper(), path), refuses)
        # A second path of one route (NAME_2) is counted under its name.
        for name in [n for n in self.served if re.sub(r'_\d+$', '', n) in self.served and re.search(r'_\d+$', n)]:
            del self.served[name]

    def take(self, url):
        """Adds what a server has counted so far; once for each server."""
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        with self.lock:
            self.count(text)

    def count(self, text):
        for kind, name, count in LINE.findall(text):
            into = self.calls if kind == 'seconds_count' else self.errors
            into[name] = into.get(name, 0) + int(count)

    def missing(self):
        """[what is missing, as text], sorted by group."""
        found = []
        for name, (group, call, refuses) in sorted(self.served.items(), key=lambda item: item[1][:2]):
            calls, errors = self.calls.get(name, 0), self.errors.get(name, 0)
            lacks = [what for what, there in (('success', calls > errors), ('refusal', errors > 0 or not refuses))
                     if not there]
            if lacks:
                found.append('%s: %s has no %s' % (group, call, ' and no '.join(lacks)))
        return found


def openapi_of(rookeryd):
    return os.path.join(os.path.dirname(rookeryd), 'gen', 'openapi.json')
