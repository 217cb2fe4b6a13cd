"""A small coder of the Erlang external term format, the gateway's second encoding.

Only what the gateway uses: maps with binary keys, lists, integers, floats, binaries, atoms. The server's
side of it is another program on purpose: a coder tested against itself proves nothing.
"""

import struct


class Atom(str):
    """An atom that is none of nil, true, false."""


class EtfError(ValueError):
    pass


def encode(value):
    """Packs a JSON-like value; strings and keys become binaries, None the atom nil."""
    out = bytearray([131])
    _encode(value, out)
    return bytes(out)


def _atom(name, out):
    raw = name.encode()
    out += bytes([119, len(raw)]) + raw


def _encode(value, out):
    if value is None:
        _atom('nil', out)
    elif value is True or value is False:
        _atom('true' if value else 'false', out)
    elif isinstance(value, Atom):
        _atom(value, out)
    elif isinstance(value, int):
        if 0 <= value <= 255:
            out += bytes([97, value])
        elif -(1 << 31) <= value < 1 << 31:
            out += struct.pack('>Bi', 98, value)
        else:
            size = abs(value)
            raw = size.to_bytes((size.bit_length() + 7) // 8, 'little')
            out += bytes([110, len(raw), 1 if value < 0 else 0]) + raw
    elif isinstance(value, float):
        out += struct.pack('>Bd', 70, value)
    elif isinstance(value, (str, bytes)):
        raw = value.encode() if isinstance(value, str) else value
        out += struct.pack('>BI', 109, len(raw)) + raw
    elif isinstance(value, (list, tuple)):
        if value:
            out += struct.pack('>BI', 108, len(value))
            for item in value:
                _encode(item, out)
        out.append(106)
    elif isinstance(value, dict):
        out += struct.pack('>BI', 116, len(value))
        for key, item in value.items():
            # An Atom as a key is what the server must refuse, so a test can make one.
            _encode(key if isinstance(key, Atom) else str(key), out)
            _encode(item, out)
    else:
        raise EtfError('cannot encode %r' % type(value))


def decode(raw):
    """Unpacks one whole term; anything left over is an error. Binaries come back as str."""
    if not raw or raw[0] != 131:
        raise EtfError('no version byte')
    value, at = _decode(raw, 1)
    if at != len(raw):
        raise EtfError('%d bytes left over' % (len(raw) - at))
    return value


ATOMS = {'nil': None, 'null': None, 'true': True, 'false': False}


def _atom_value(raw, at, size):
    name = raw[at:at + size].decode()
    return (ATOMS[name] if name in ATOMS else Atom(name)), at + size


def _decode(raw, at):
    tag = raw[at]
    at += 1
    if tag == 97:
        return raw[at], at + 1
    if tag == 98:
        return struct.unpack_from('>i', raw, at)[0], at + 4
    if tag == 70:
        return struct.unpack_from('>d', raw, at)[0], at + 8
    if tag in (110, 111):
        size = raw[at] if tag == 110 else struct.unpack_from('>I', raw, at)[0]
        at += 1 if tag == 110 else 4
        number = int.from_bytes(raw[at + 1:at + 1 + size], 'little')
        return (-number if raw[at] else number), at + 1 + size
    if tag in (115, 119):
        return _atom_value(raw, at + 1, raw[at])
    if tag in (100, 118):
        return _atom_value(raw, at + 2, struct.unpack_from('>H', raw, at)[0])
    if tag == 109:
        size = struct.unpack_from('>I', raw, at)[0]
        at += 4
        if at + size > len(raw):
            raise EtfError('binary is cut off')
        return raw[at:at + size].decode(), at + size
    if tag == 107:
        size = struct.unpack_from('>H', raw, at)[0]
        return list(raw[at + 2:at + 2 + size]), at + 2 + size
    if tag == 106:
        return [], at
    if tag == 108:
        size = struct.unpack_from('>I', raw, at)[0]
        at += 4
        items = []
        for _ in range(size):
            item, at = _decode(raw, at)
            items.append(item)
        if raw[at] != 106:
            raise EtfError('improper list')
        return items, at + 1
    if tag in (104, 105):
        size = raw[at] if tag == 104 else struct.unpack_from('>I', raw, at)[0]
        at += 1 if tag == 104 else 4
        items = []
        for _ in range(size):
            item, at = _decode(raw, at)
            items.append(item)
        return tuple(items), at
    if tag == 116:
        size = struct.unpack_from('>I', raw, at)[0]
        at += 4
        pairs = {}
        for _ in range(size):
            key, at = _decode(raw, at)
            pairs[key], at = _decode(raw, at)
        return pairs, at
    raise EtfError('unknown tag %d' % tag)
