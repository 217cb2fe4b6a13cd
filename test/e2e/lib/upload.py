"""Messages with files, as multipart bodies."""

import json
import os


def form(body, *files):
    """(raw, headers) of a multipart body; @files: (name, content) or (name, content, type)."""
    boundary = os.urandom(12).hex()
    parts = [b'Content-Disposition: form-data; name="payload_json"\r\n\r\n' + json.dumps(body).encode()]
    for n, (name, content, *kind) in enumerate(files):
        parts.append(('Content-Disposition: form-data; name="files[%d]"; filename="%s"\r\nContent-Type: %s\r\n\r\n' % (
            n, name, kind[0] if kind else 'application/octet-stream')).encode() + content)
    raw = b''.join(b'--%s\r\n%s\r\n' % (boundary.encode(), part) for part in parts) + b'--%s--\r\n' % boundary.encode()
    return {'raw': raw, 'headers': {'Content-Type': 'multipart/form-data; boundary=' + boundary}}


def send(who, channel, body, *files):
    return who.rest.request('POST', '/channels/%s/messages' % channel, **form(body, *files))
