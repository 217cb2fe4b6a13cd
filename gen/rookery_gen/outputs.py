"""All files, by name; written only when their content changes, so that little is compiled again."""
import pathlib

from . import consts, coverage, cql, events, objects, openapi, routes, tables, tests, typescript
from .schema import Model, SchemaError

NAMES = ['routes', 'events', 'tables', 'errors', 'permissions', 'intents', 'limits', 'opcodes', 'closecodes']
FILES = [
    'model/objects.h', *(f'model/objects_{n}.c' for n in range(objects.FILE_COUNT)),
    *(f'model/{name}.{end}' for name in NAMES for end in 'hc'), 'model/routes_run.c',
    'model/openapi.h', 'model/openapi.c', 'model/roundtrip_test.c', 'model/fuzz_objects.c',
    'openapi.json', 'protocol.ts', 'coverage.md', 'cql.cql',
]


def make(model: Model) -> dict:
    files = {}
    for module in (objects, routes, events, tables, consts, tests, openapi, typescript, coverage, cql):
        files.update(module.files(model))
    if model.errors:
        raise SchemaError(model.errors)
    return files


def write(model: Model, folder: str) -> list:
    """The files that were new or changed."""
    root, changed = pathlib.Path(folder), []
    files = make(model)
    assert set(files) == set(FILES), set(files) ^ set(FILES)
    for name, text in files.items():
        path = root / name
        if path.exists() and path.read_text() == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        changed.append(name)
    return changed
