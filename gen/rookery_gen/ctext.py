"""Small helpers for writing C."""

NOTE = '/* Made by gen/generate.py from schema/. Do not edit. */\n'


def string(text: str) -> str:
    """A C string literal, bytes beyond ASCII in octal."""
    out = []
    for byte in text.encode():
        if byte in (0x22, 0x5c):
            out.append('\\' + chr(byte))
        elif 0x20 <= byte < 0x7f and byte != 0x3f:
            out.append(chr(byte))
        else:
            out.append('\\%03o' % byte)
    return '"' + ''.join(out) + '"'


def view(text: str) -> str:
    """The initialiser of a struct str."""
    return '{ %s, %d }' % (string(text), len(text.encode()))


def integer(n: int) -> str:
    if n == -1 << 63:
        return 'INT64_MIN'
    return f'INT64_C({n})' if not -(1 << 31) <= n < 1 << 31 else str(n)


def comment(text: str, indent: str = '') -> str:
    """A comment of one or more lines, or nothing."""
    text = ' '.join(text.replace('*/', '* /').split())
    if not text:
        return ''
    words, lines, line = text.split(' '), [], ''
    for word in words:
        if line and len(line) + 1 + len(word) > 108:
            lines.append(line)
            line = word
        else:
            line = f'{line} {word}' if line else word
    lines.append(line)
    return f'{indent}/* ' + f'\n{indent} * '.join(lines) + ' */\n'


def header(doc: str, includes: list, body: str) -> str:
    return NOTE + comment(doc) + '#pragma once\n\n' + ''.join(f'#include {i}\n' for i in includes) + '\n' + \
        body.strip('\n') + '\n'


def source(includes: list, body: str) -> str:
    return NOTE + ''.join(f'#include {i}\n' for i in includes) + '\n' + body.strip('\n') + '\n'
