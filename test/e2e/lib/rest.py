"""REST by hand: a request, its whole answer, nothing retried."""

import http.client
import json
import urllib.parse


class Answer:
    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def body(self):
        """The JSON body; None when there is none."""
        return json.loads(self.raw) if self.raw else None

    @property
    def code(self):
        body = self.body
        return body.get('code') if isinstance(body, dict) else None

    def ok(self, *statuses):
        """Its body, or an assertion that says what came instead."""
        if (self.status not in statuses) if statuses else not 200 <= self.status < 300:
            raise AssertionError('answered %d: %.400s' % (self.status, self.raw.decode('utf-8', 'replace')))
        return self.body

    def refused(self, status, code, path=None, leaf=None):
        """Asserts a refusal. @path is where the form error must sit ('embeds.0.title'), @leaf its code."""
        text = self.raw.decode('utf-8', 'replace')
        if self.status != status or self.code != code:
            raise AssertionError('wanted %d code %d, got %d: %.400s' % (status, code, self.status, text))
        assert isinstance(self.body.get('message'), str) and self.body['message'], 'no message: ' + text
        if path is not None:
            node = self.body.get('errors')
            for key in path.split('.') if path else []:
                if not isinstance(node, dict) or key not in node:
                    raise AssertionError('no form error at %s: %.400s' % (path, text))
                node = node[key]
            leaves = node.get('_errors') if isinstance(node, dict) else None
            if not isinstance(leaves, list) or not leaves or \
                    not all(isinstance(l.get('code'), str) and isinstance(l.get('message'), str) for l in leaves):
                raise AssertionError('no _errors list at %s: %.400s' % (path, text))
            if leaf and leaf not in [l['code'] for l in leaves]:
                raise AssertionError('wanted %s at %s: %.400s' % (leaf, path, text))
        return self.body


class Rest:
    """Calls as one person or bot. @authorization is the header's whole value, None for nobody."""

    def __init__(self, host, port, authorization=None, version='v9', password=None):
        self.host, self.port = host, port
        self.authorization, self.version, self.password = authorization, version, password
        self._connection = None

    def request(self, method, path, body=None, query=None, headers=None, raw=None, reason=None, timeout=15):
        heads = {'User-Agent': 'DiscordBot (e2e, 1)'}
        if self.authorization:
            heads['Authorization'] = self.authorization
        if reason is not None:
            heads['X-Audit-Log-Reason'] = urllib.parse.quote(reason)
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
            heads['Content-Type'] = 'application/json'
        heads.update(headers or {})
        heads = {k: v for k, v in heads.items() if v is not None}
        target = path if path.startswith('/api') else '/api/%s%s' % (self.version, path)
        if query:
            target += '?' + urllib.parse.urlencode(query, doseq=True)
        answer = self._exchange(method, target, data, heads, timeout)
        if answer.status == 401 and answer.code == 60003 and self.password:
            # Step-up: the password stands in for a second factor where none is set.
            ticket = answer.body['mfa']['ticket']
            proof = self._exchange('POST', '/api/%s/mfa/finish' % self.version, json.dumps(
                {'ticket': ticket, 'mfa_type': 'password', 'data': self.password}).encode(),
                dict(heads, **{'Content-Type': 'application/json'}), timeout).ok()
            heads['X-Discord-MFA-Authorization'] = proof['token']
            answer = self._exchange(method, target, data, heads, timeout)
        return answer

    def _exchange(self, method, target, data, heads, timeout):
        for attempt in (1, 2):
            fresh = self._connection is None
            if fresh:
                self._connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
            try:
                self._connection.request(method, target, data, heads)
                response = self._connection.getresponse()
                raw = response.read()
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
                # Only a kept connection that the server had closed meanwhile may be tried again.
                if fresh or attempt == 2:
                    raise
                continue
            except Exception:
                self.close()
                raise
            headers = {}
            for key, value in response.getheaders():
                headers[key.lower()] = value
            if response.will_close:
                self.close()
            return Answer(response.status, headers, raw)

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def get(self, path, **more):
        return self.request('GET', path, **more)

    def post(self, path, body=None, **more):
        return self.request('POST', path, body, **more)

    def put(self, path, body=None, **more):
        return self.request('PUT', path, body, **more)

    def patch(self, path, body=None, **more):
        return self.request('PATCH', path, body, **more)

    def delete(self, path, **more):
        return self.request('DELETE', path, **more)
