"""The schema as objects: read, resolved and checked. All complaints are gathered before any is raised."""
import pathlib
import re
import tomllib
from dataclasses import dataclass, field

SCALARS = {
    'bool': 'bool', 'int': 'int64_t', 'float': 'double', 'snowflake': 'uint64_t', 'u64': 'uint64_t',
    'string': 'struct str', 'time': 'int64_t', 'json': 'struct str', 'int_or_string': 'struct str',
}
# Words that C (or a predefined macro of gnu17) keeps for itself; a member gets an underscore behind it.
C_WORDS = set('''auto break case char const continue default do double else enum extern float for goto if inline int
    long register restrict return short signed sizeof static struct switch typedef typeof union unsigned void volatile
    while asm bool true false linux unix has null unknown_fields'''.split())
FIELD_KEYS = {
    'id', 'name', 'type', 'optional', 'nullable', 'default', 'min', 'max', 'min_items', 'max_items', 'unique', 'trim',
    'pattern', 'choices', 'stored', 'wire', 'coerce', 'null_absent', 'max_depth', 'max_bytes', 'doc', 'example',
}
NAME = re.compile(r'[a-z][a-z0-9_]*$')


class SchemaError(Exception):
    def __init__(self, lines):
        super().__init__('\n'.join(lines))
        self.lines = lines


@dataclass
class Type:
    kind: str                 # a scalar's name, 'object', 'list', 'map'
    of: 'Type | None' = None  # list, map
    name: str = ''            # object: its name as written, maybe a view's
    target: 'Obj | View | None' = None

    @property
    def base(self) -> 'Obj':
        return self.target.base

    def leaf(self) -> 'Type':
        return self.of.leaf() if self.of else self

    def text(self) -> str:
        """As in the schema, views named by their objects: what fields.lock keeps."""
        if self.kind == 'list':
            return '[]' + self.of.text()
        if self.kind == 'map':
            return '{str: %s}' % self.of.text()
        return self.base.name if self.kind == 'object' else self.kind


@dataclass
class Field:
    name: str
    type: Type
    raw: dict
    id: int = 0
    optional: bool = False
    nullable: bool = False
    wire: bool = True
    stored: bool = False
    doc: str = ''
    has_bit: int = -1
    null_bit: int = -1

    @property
    def c(self) -> str:
        name = self.name.replace('$', 'dollar_')
        return name + '_' if name in C_WORDS else name

    @property
    def required(self) -> bool:
        """Must be sent."""
        return self.wire and not self.optional and 'default' not in self.raw


@dataclass
class Obj:
    name: str
    doc: str = ''
    file: str = ''
    fields: list = field(default_factory=list)
    # unions
    tag: str = ''
    tag_default: object = None
    variants: list = field(default_factory=list)  # (tag value, Obj), in the order of the schema
    of_union: 'Obj | None' = None  # a variant: its union
    standalone: bool = True        # has a struct of its own

    @property
    def base(self) -> 'Obj':
        return self

    @property
    def is_union(self) -> bool:
        return bool(self.variants)

    @property
    def has_fields(self):
        return [f for f in self.fields if f.has_bit >= 0]

    @property
    def null_fields(self):
        return [f for f in self.fields if f.null_bit >= 0]

    @property
    def is_stored(self) -> bool:
        return any(f.stored for f in self.fields)

    def field(self, name: str):
        return next((f for f in self.fields if f.name == name), None)


@dataclass
class View:
    name: str
    of: 'Obj | View'
    doc: str = ''
    fields: list = field(default_factory=list)
    empty: set = field(default_factory=set)

    @property
    def base(self) -> Obj:
        return self.of.base


@dataclass
class Route:
    name: str
    method: str
    path: str
    raw: dict
    group: str = ''
    tier: str = ''
    auth: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    owner: str = 'any'
    served: bool = False
    body: 'Type | None' = None
    query: 'Type | None' = None
    out: 'Type | None' = None
    raw_out: bool = False
    aliases: list = field(default_factory=list)  # (method, path)


@dataclass
class Event:
    name: str
    raw: dict
    object: 'Obj | View | None' = None


@dataclass
class Part:
    """Of a key: `channel_id u64`, `kind u8=0`, `id desc`, `code str`."""
    name: str
    type: str = 'u64'
    constant: 'int | None' = None
    desc: bool = False


@dataclass
class Table:
    name: str
    byte: int
    raw: dict
    object: 'Obj | None' = None
    partition: list = field(default_factory=list)
    order: list = field(default_factory=list)


@dataclass
class Model:
    objects: dict = field(default_factory=dict)
    views: dict = field(default_factory=dict)
    routes: dict = field(default_factory=dict)
    events: dict = field(default_factory=dict)
    tables: dict = field(default_factory=dict)
    sections: dict = field(default_factory=dict)  # errors, permissions, ...: section name: {NAME: entry}
    params: dict = field(default_factory=dict)    # path parameters: name: 'snowflake' or 'string'
    errors: list = field(default_factory=list)    # complaints

    def complain(self, text: str):
        self.errors.append(text)

    def find(self, name: str):
        return self.objects.get(name) or self.views.get(name)

    @property
    def structs(self):
        """Objects with a struct, in order."""
        return [o for o in self.objects.values() if o.standalone]


def parse_type(text: str) -> Type:
    text = text.strip()
    if text.startswith('[]'):
        return Type('list', parse_type(text[2:]))
    match = re.fullmatch(r'\{\s*(?:str|string|snowflake)\s*:\s*(.+)\}', text)
    if match:
        return Type('map', parse_type(match[1]))
    if text in SCALARS:
        return Type(text)
    return Type('object', name=text)


def _resolve(model: Model, type_: Type, where: str):
    if type_.of:
        _resolve(model, type_.of, where)
        if type_.of.kind == 'int_or_string':
            model.complain(f'{where}: no arrays of int_or_string')
    elif type_.kind == 'object':
        type_.target = model.find(type_.name)
        if not type_.target:
            model.complain(f'{where}: no object or view "{type_.name}"')


def _read_field(model: Model, owner: str, raw: dict) -> 'Field | None':
    name = raw.get('name', '')
    where = f'{owner}.{name}'
    for key in raw.keys() - FIELD_KEYS:
        model.complain(f'{where}: unknown key "{key}"')
    if not re.fullmatch(r'\$?[A-Za-z_][A-Za-z0-9_]*', name) or not isinstance(raw.get('type'), str):
        model.complain(f'{where}: needs a name and a type')
        return None
    made = Field(name, parse_type(raw['type']), raw, id=raw.get('id', 0), optional=raw.get('optional', False),
                 nullable=raw.get('nullable', False), wire=raw.get('wire', True), doc=raw.get('doc', ''))
    made.stored = bool(made.id) and raw.get('stored', True)
    if not 0 <= made.id < 1 << 14:
        model.complain(f'{where}: id out of range')
    if raw.get('stored') is True and not made.id:
        model.complain(f'{where}: stored, but has no id')
    return made


def _read_objects(model: Model, path: pathlib.Path, data: dict):
    for name, raw in data.get('object', {}).items():
        obj = Obj(name, raw.get('doc', ''), path.stem)
        seen, ids = set(), {}
        for raw_field in raw.get('fields', []):
            made = _read_field(model, name, raw_field)
            if not made:
                continue
            if made.name in seen:
                model.complain(f'{name}.{made.name}: named twice')
            if made.stored and ids.setdefault(made.id, made.name) != made.name:
                model.complain(f'{name}.{made.name}: id {made.id} is that of {ids[made.id]}')
            seen.add(made.name)
            obj.fields.append(made)
        _add(model, obj)
    for name, raw in data.get('union', {}).items():
        obj = Obj(name, raw.get('doc', ''), path.stem, tag=raw.get('tag', 'type'), tag_default=raw.get('default'))
        obj.variants = list(raw.get('variants', {}).items())
        _add(model, obj)
    for name, raw in data.get('view', {}).items():
        for key in raw.keys() - {'of', 'drop', 'only', 'empty', 'doc', 'as'}:
            model.complain(f'view {name}: unknown key "{key}"')
        if name in model.views:
            model.complain(f'view {name}: there are two')
        model.views[name] = (name, raw)
    for key in data.keys() - {'object', 'union', 'view'}:
        model.complain(f'{path.name}: unknown section "{key}"')


def _add(model: Model, obj: Obj):
    if not NAME.match(obj.name) or obj.name in C_WORDS:
        model.complain(f'object "{obj.name}": not a name for a struct')
    if obj.name in model.objects:
        model.complain(f'object {obj.name}: there are two')
    model.objects[obj.name] = obj


def _make_views(model: Model):
    raws, model.views = model.views, {}

    def make(name, trail=()):
        if name in model.views:
            return model.views[name]
        _, raw = raws[name]
        if name in trail:
            model.complain(f'view {name}: is a view of itself')
            return None
        of_name = raw.get('of', '')
        of = model.objects.get(of_name) or (make(of_name, trail + (name,)) if of_name in raws else None)
        if not of or name in model.objects:
            model.complain(f'view {name}: no object "{of_name}", or an object of that name')
            return None
        view = View(name, of, raw.get('doc', ''), empty=set(raw.get('empty', [])) | getattr(of, 'empty', set()))
        drop, only, as_ = set(raw.get('drop', [])), raw.get('only'), raw.get('as', {})
        names = {f.name for f in of.fields}
        for wrong in (drop | set(only or []) | set(raw.get('empty', [])) | set(as_)) - names:
            model.complain(f'view {name}: {of.name} has no field "{wrong}"')
        if isinstance(of, Obj) and of.is_union:
            model.complain(f'view {name}: views of unions are not made')
        for f in of.fields:
            if f.name in drop or (only is not None and f.name not in only):
                continue
            if f.name in as_:
                f = Field(**{**f.__dict__, 'type': parse_type(as_[f.name])})
            view.fields.append(f)
        model.views[name] = view
        return view

    for name in raws:
        make(name)


def _merge_unions(model: Model):
    for obj in model.objects.values():
        if not obj.is_union:
            continue
        variants, merged = [], {}
        for value, name in obj.variants:
            variant = model.objects.get(name)
            if not variant or variant.is_union:
                model.complain(f'union {obj.name}: no object "{name}"')
                continue
            variant.of_union = obj
            if obj.tag_default is not None and variant.field(obj.tag):
                variant.field(obj.tag).raw.setdefault('default', obj.tag_default)
            variants.append((int(value) if re.fullmatch(r'-?\d+', value) else value, variant))
            tag = variant.field(obj.tag)
            if not tag or tag.type.kind not in ('int', 'string'):
                model.complain(f'{name}: as a variant of {obj.name} it needs "{obj.tag}", an int or a string')
                continue
            for f in variant.fields:
                old = merged.get(f.name)
                if not old:
                    merged[f.name] = Field(f.name, f.type, dict(f.raw), f.id, f.optional, f.nullable, f.wire, f.stored)
                    continue
                if old.type.text() != f.type.text():
                    model.complain(f'union {obj.name}: {f.name} is {old.type.text()} and {f.type.text()}')
                if old.stored and f.stored and f.name == obj.tag and old.id != f.id:
                    model.complain(f'union {obj.name}: its tag has two ids')
                old.optional |= f.optional
                old.nullable |= f.nullable
                old.stored |= f.stored
                old.wire |= f.wire
                old.id = old.id or f.id
        obj.variants = variants
        obj.fields = list(merged.values())
        tag = obj.field(obj.tag)
        if tag:
            obj.fields.remove(tag)
            obj.fields.insert(0, tag)
            if tag.optional or tag.nullable:
                model.complain(f'union {obj.name}: its tag may be neither absent nor null')
            # Its complaint about an unknown value names the variants.
            tag.raw = {'name': tag.name, 'type': tag.raw['type'], 'choices': [v for v, _ in variants]}
            if any(f.stored for f in obj.fields) and not tag.stored:
                model.complain(f'union {obj.name}: stored, but its tag has no id')


def _number_bits(obj: Obj):
    has = null = 0
    for f in obj.fields:
        if f.optional:
            f.has_bit, has = has, has + 1
        if f.nullable and f.type.kind in ('int', 'float', 'bool'):
            f.null_bit, null = null, null + 1


def _finish_objects(model: Model):
    referenced = set()
    for obj in model.objects.values():
        if obj.is_union:
            continue
        for f in obj.fields:
            _resolve(model, f.type, f'{obj.name}.{f.name}')
            leaf = f.type.leaf()
            if leaf.target:
                referenced.add(leaf.base.name)
    for view in model.views.values():
        for f in view.fields:
            if f.type.leaf().kind == 'object' and not f.type.leaf().target:
                _resolve(model, f.type, f'view {view.name}.{f.name}')
        referenced.add(view.base.name)
    _raise(model)
    _merge_unions(model)
    _raise(model)
    for obj in model.objects.values():
        for end in ('_list', '_map'):
            if obj.name.endswith(end) and obj.name[:-len(end)] in model.objects:
                model.complain(f'object {obj.name}: that is the name of the C {end[1:]} of {obj.name[:-len(end)]}')
        if not obj.of_union:
            _number_bits(obj)
    for obj in model.objects.values():
        if not obj.of_union:
            continue
        if obj.name in referenced:
            model.complain(f'{obj.name}: a variant of a union, and used alone; make two objects')
        obj.standalone = False
        for f in obj.fields:
            flat = obj.of_union.field(f.name)
            f.has_bit, f.null_bit = flat.has_bit, flat.null_bit
    for view in model.views.values():
        for i, f in enumerate(view.fields):
            base = view.base.field(f.name)
            f.has_bit, f.null_bit = base.has_bit, base.null_bit
    for obj in model.objects.values():
        for f in obj.fields:
            leaf = f.type.leaf()
            if f.stored and leaf.target and not leaf.base.is_stored:
                model.complain(f'{obj.name}.{f.name}: stored, but {leaf.base.name} has no stored fields')
            _check_rules(model, f'{obj.name}.{f.name}', f)


def _check_rules(model: Model, where: str, f: Field):
    raw, leaf = f.raw, f.type.leaf().kind
    choices = raw.get('choices')
    if choices is not None:
        wanted = str if leaf == 'string' else int
        if leaf not in ('string', 'int') or not choices or not all(type(c) is wanted for c in choices):
            model.complain(f'{where}: choices are a list of the field\'s own type')
    for key in ('min', 'max'):
        if key in raw and leaf not in ('int', 'float', 'string', 'int_or_string'):
            model.complain(f'{where}: {leaf} has no {key}')
    for key in ('min_items', 'max_items'):
        if key in raw and f.type.kind not in ('list', 'map'):
            model.complain(f'{where}: {key} is for arrays and maps')
    if 'min' in raw and 'max' in raw and raw['min'] > raw['max']:
        model.complain(f'{where}: min is above max')
    if 'pattern' in raw and leaf != 'string':
        model.complain(f'{where}: patterns are for strings')
    if raw.get('unique') and f.type.kind != 'list':
        model.complain(f'{where}: unique is for arrays')
    if 'default' in raw:
        fits = {'bool': bool, 'int': int, 'snowflake': int, 'u64': int, 'float': (int, float), 'string': str,
                'time': int, 'json': str, 'list': list}.get(f.type.kind)
        if not fits or not isinstance(raw['default'], fits) or (fits is int and type(raw['default']) is bool):
            model.complain(f'{where}: default does not fit {f.type.text()}')
        elif f.type.kind == 'list' and raw['default']:
            model.complain(f'{where}: only [] is a default of an array')


def _read_calls(model: Model, where: str, text: str):
    match = re.fullmatch(r'(GET|PUT|POST|PATCH|DELETE) (/\S*)', text)
    if not match:
        model.complain(f'{where}: "{text}" is not METHOD /path')
        return None
    return match[1], match[2]


ROUTE_KEYS = {
    'call', 'group', 'tier', 'auth', 'status', 'owner', 'body', 'query', 'out', 'bucket', 'reason', 'errors', 'served',
    'multipart', 'early', 'aliases', 'doc', 'params', 'max_items', 'min_items', 'deprecated', 'source', 'elevated', 'form', 'oauth_errors',
    'body_max', 'anonymous', 'note', 'mfa', 'scopes', 'statuses',
}


def _read_routes(model: Model, path: pathlib.Path, data: dict):
    for name, raw in data.get('route', {}).items():
        where = f'route {name}'
        call = _read_calls(model, where, raw.get('call', ''))
        if not call:
            continue
        for key in raw.keys() - ROUTE_KEYS:
            model.complain(f'{where}: unknown key "{key}"')
        if name in model.routes or not NAME.match(name):
            model.complain(f'{where}: there are two, or the name is no C name')
        auth = raw.get('auth', ['bot', 'user'])
        status = raw.get('status', 200)
        route = Route(name, *call, raw, raw.get('group', path.stem), raw.get('tier', ''),
                      [auth] if isinstance(auth, str) else auth,
                      status if isinstance(status, list) else [status], raw.get('owner', 'any'),
                      raw.get('served', False))
        for key in ('body', 'query', 'out'):
            if key not in raw:
                continue
            if key == 'out' and raw[key] == 'raw':
                route.raw_out = True
                continue
            type_ = parse_type(raw[key])
            _resolve(model, type_, f'{where} {key}')
            if type_.kind not in ('object', 'list') or (type_.of and type_.of.kind != 'object') or \
                    (key == 'query' and type_.kind != 'object'):
                model.complain(f'{where}: {key} is an object (or []object)')
            setattr(route, key, type_)
        for alias in raw.get('aliases', []):
            call = _read_calls(model, where, alias)
            if call:
                route.aliases.append(call)
        for param, kind in raw.get('params', {}).items():
            if model.params.setdefault(param, kind) != kind:
                model.complain(f'{where}: parameter {param} is {kind} here and {model.params[param]} elsewhere')
        model.routes[name] = route


def path_params(path: str):
    return re.findall(r'\{(\w+)\}', path)


def _finish_routes(model: Model):
    calls = {}
    for route in model.routes.values():
        params = path_params(route.path)
        for method, path in [(route.method, route.path)] + route.aliases:
            shape = (method, re.sub(r'\{\w+\}', '{}', path))
            if shape in calls:
                model.complain(f'route {route.name}: {calls[shape]} has the same call')
            calls[shape] = route.name
            for segment in path.split('/')[1:]:
                if '{' in segment and not re.fullmatch(r'\{\w+\}', segment):
                    model.complain(f'route {route.name}: a parameter takes a whole segment')
            if not set(path_params(path)) >= set(params):
                model.complain(f'route {route.name}: alias {path} lacks parameters')
            for param in path_params(path):
                model.params.setdefault(param, 'snowflake' if param.endswith('_id') else 'string')
        for param in params:
            model.params.setdefault(param, 'snowflake' if param.endswith('_id') else 'string')
        for error in route.raw.get('errors', []):
            if error not in model.sections.get('error', {}):
                model.complain(f'route {route.name}: no error {error}')


EVENT_KEYS = {
    'object', 'intents', 'dm_intents', 'scope', 'tier', 'sent', 'doc', 'audience', 'source', 'dead', 'note', 'bare',
}


def _read_events(model: Model, data: dict):
    for name, raw in data.get('event', {}).items():
        event = Event(name, raw)
        for key in raw.keys() - EVENT_KEYS:
            model.complain(f'event {name}: unknown key "{key}"')
        for key in ('object', 'bare'):
            if key in raw and not model.find(raw[key]):
                model.complain(f'event {name}: no object or view "{raw[key]}"')
        event.object = model.find(raw.get('object', ''))
        for intent in raw.get('intents', []) + raw.get('dm_intents', []):
            if intent not in model.sections.get('intent', {}):
                model.complain(f'event {name}: no intent {intent}')
        model.events[name] = event


PART_TYPES = {'u8': 1, 'u16': 2, 'u32': 4, 'u64': 8, 'bytes16': 16, 'bytes32': 32, 'str': 0, 'bytes': 0}
PART = re.compile(r'(?P<name>\w+)(?: (?P<type>u8|u16|u32|u64|bytes16|bytes32|bytes|str|string|snowflake|time|int))?'
                  r'(?: ?= ?(?P<constant>\d+))?(?P<desc> desc)?')


def _read_part(model: Model, where: str, text: str) -> 'Part | None':
    match = PART.fullmatch(text.strip())
    if not match:
        model.complain(f'{where}: "{text}" is no part of a key')
        return None
    type_ = {'string': 'str', 'snowflake': 'u64', 'time': 'u64', 'int': 'u64'}.get(match['type'], match['type'])
    constant = int(match['constant']) if match['constant'] else None
    part = Part(match['name'], type_ or 'u64', constant, bool(match['desc']))
    if (part.desc or constant is not None) and not part.type.startswith('u'):
        model.complain(f'{where}: "{text}": only numbers are constant or descending')
    return part


TABLE_KEYS = {'byte', 'family', 'object', 'partition', 'order', 'doc', 'space'}


def _read_tables(model: Model, data: dict):
    for name, raw in data.get('table', {}).items():
        where = f'table {name}'
        for key in raw.keys() - TABLE_KEYS:
            model.complain(f'{where}: unknown key "{key}"')
        table = Table(name, raw.get('byte', 0), raw, model.objects.get(raw.get('object', '')))
        if 'object' in raw and not table.object:
            model.complain(f'{where}: no object "{raw["object"]}"')
        if table.object and not table.object.is_stored:
            model.complain(f'{where}: {table.object.name} has no stored fields')
        if not 1 <= table.byte <= 255 or not NAME.match(name):
            model.complain(f'{where}: needs a byte of 1..255 and a name')
        for key in ('partition', 'order'):
            parts = [_read_part(model, where, text) for text in raw.get(key, [])]
            setattr(table, key, [p for p in parts if p])
        parts = table.partition + table.order
        if any(PART_TYPES[p.type] == 0 for p in parts[:-1]) or \
                any(PART_TYPES[p.type] == 0 for p in table.partition):
            model.complain(f'{where}: a part of free length comes last, and in the order')
        model.tables[name] = table
    first = {}
    for table in model.tables.values():
        other = first.setdefault(table.byte, table)
        if [p.type for p in other.partition] != [p.type for p in table.partition]:
            model.complain(f'table {table.name}: shares byte {table.byte} with {other.name}, but not its partition')
        if other.raw.get('family') != table.raw.get('family'):
            model.complain(f'table {table.name}: shares byte {table.byte} with {other.name}, but not its family')
    places = {}
    for table in model.tables.values():
        kind = table.order[0].constant if table.order else None
        if (table.byte, kind) in places or (table.byte, None) in places or \
                (kind is None and any(byte == table.byte for byte, _ in places)):
            model.complain(f'table {table.name}: its rows cannot be told from others of byte {table.byte}')
        places[table.byte, kind] = table.name


SECTIONS = {
    'errors.toml': {'error'}, 'permissions.toml': {'permission', 'permission_set'},
    'intents.toml': {'intent', 'intent_set'}, 'limits.toml': {'limit'},
    'opcodes.toml': {'opcode', 'voice_opcode'}, 'closecodes.toml': {'closecode', 'voice_closecode'},
}


def _raise(model: Model):
    if model.errors:
        raise SchemaError(model.errors)


def load(folder: str) -> Model:
    root = pathlib.Path(folder)
    model = Model()

    def read(path):
        try:
            return tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            model.complain(f'{path}: {error}')
            return {}

    for name, sections in SECTIONS.items():
        data = read(root / name) if (root / name).exists() else {}
        for section in data.keys() - sections:
            model.complain(f'{name}: unknown section "{section}"')
        for section in sections:
            model.sections[section] = data.get(section, {})
    codes = {}
    for name, entry in model.sections['error'].items():
        if codes.setdefault(entry.get('code'), name) != name:
            model.complain(f'error {name}: {codes[entry["code"]]} has code {entry["code"]}')
    for path in sorted((root / 'objects').glob('*.toml')):
        _read_objects(model, path, read(path))
    _make_views(model)
    _raise(model)
    _finish_objects(model)
    for path in sorted((root / 'routes').glob('*.toml')):
        _read_routes(model, path, read(path))
    _finish_routes(model)
    if (root / 'events.toml').exists():
        _read_events(model, read(root / 'events.toml'))
    if (root / 'tables.toml').exists():
        _read_tables(model, read(root / 'tables.toml'))
    for section in ('opcode', 'voice_opcode'):
        for name, entry in model.sections[section].items():
            if 'object' in entry and not model.find(entry['object']):
                model.complain(f'{section} {name}: no object "{entry["object"]}"')
    _raise(model)
    return model
