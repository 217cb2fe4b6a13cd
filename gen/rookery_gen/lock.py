"""schema/fields.lock: the ids of stored fields, so that nobody gives one a second meaning."""
import pathlib

from .schema import Model, SchemaError


def _stored(model: Model) -> dict:
    """object: {field: (id, type)}"""
    found = {}
    for obj in model.objects.values():
        if obj.is_union:
            continue  # its variants have the ids
        fields = {f.name: (f.id, f.type.text()) for f in obj.fields if f.stored}
        if fields:
            found[obj.name] = fields
    return found


def _read(path: pathlib.Path) -> dict:
    found = {}
    if not path.exists():
        return found
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith('#'):
            continue
        try:
            place, id_, type_ = line.split(' ', 2)
            obj, name = place.split('.')
            found.setdefault(obj, {})[name] = (int(id_), type_)
        except ValueError:
            raise SchemaError([f'{path}:{number}: not "object.field id type"']) from None
    return found


def check(model: Model, folder: str, write: bool = False, strict: bool = False):
    path = pathlib.Path(folder) / 'fields.lock'
    locked, stored = _read(path), _stored(model)
    wrong, new = [], []
    for obj, fields in stored.items():
        old = locked.get(obj, {})
        owner = {id_: name for name, (id_, _) in old.items()}
        for name, (id_, type_) in fields.items():
            if name in old and old[name] != (id_, type_):
                wrong.append(f'{obj}.{name}: {id_} {type_}, but fields.lock has {old[name][0]} {old[name][1]}')
            elif name not in old and id_ in owner:
                wrong.append(f'{obj}.{name}: id {id_} belongs to {owner[id_]} (fields.lock)')
            elif name not in old:
                new.append(f'{obj}.{name}')
    if strict and new:
        wrong.append(f'fields.lock lacks {", ".join(new)}; run generate.py --lock')
    if wrong:
        raise SchemaError(wrong)
    if not write:
        return
    for obj, fields in stored.items():
        locked.setdefault(obj, {}).update(fields)
    lines = [f'{obj}.{name} {id_} {type_}' for obj, fields in locked.items() for name, (id_, type_) in fields.items()]
    path.write_text('# Stored fields: never reused, never of another type. Written by gen/generate.py --lock.\n' +
                    '\n'.join(sorted(lines)) + '\n')
