"""model/objects.h and objects_N.c: structs, encoders, descriptions."""
import zlib

from . import ctext
from .schema import SCALARS, Field, Model, Obj, Type, View

FILE_COUNT = 8
LISTS = {'bool': 'bool', 'int': 'i64', 'float': 'f64', 'snowflake': 'u64', 'u64': 'u64', 'string': 'str',
         'time': 'i64', 'json': 'str'}


# -- types --

def mangle(type_: Type) -> str:
    if type_.kind in ('list', 'map'):
        return f'{mangle(type_.of)}_{type_.kind}'
    return type_.base.name if type_.kind == 'object' else LISTS[type_.kind]


def element(type_: Type) -> str:
    """The C type of a value in an array."""
    if type_.kind in ('list', 'map'):
        return f'struct {mangle(type_)}'
    return f'struct {type_.base.name}' if type_.kind == 'object' else SCALARS[type_.kind]


def member(f: Field) -> list:
    """The declarations of a field."""
    kind = f.type.kind
    if kind == 'object':
        return [f'struct {f.type.base.name} *{f.c};']
    if kind in ('list', 'map'):
        return [f'struct {mangle(f.type)} {f.c};']
    lines = [f'{SCALARS[kind]} {f.c};']
    if kind == 'int_or_string':
        lines.append(f'bool {f.c}_is_int;')
    return lines


# -- the header --

def struct(obj: Obj) -> str:
    out = [ctext.comment(obj.doc) + f'struct {obj.name} {{']
    for f in obj.fields:
        for line in member(f):
            out.append(f'\t{line}')
        if f.doc:
            out[-1] += ' ' + ctext.comment(f.doc).strip()
    for bits, name in ((obj.has_fields, 'has'), (obj.null_fields, 'null')):
        if bits:
            out.append('\tunion {\n\t\tstruct {')
            out += [f'\t\t\tbool {f.c} : 1;' for f in bits]
            out.append('\t\t};\n\t\tuint32_t words[%d];\n\t} %s;' % ((len(bits) + 31) // 32, name))
    if obj.is_stored:
        out.append('\tstruct str unknown_fields;')
    if not obj.fields:
        out.append('\tbool nothing; /* no fields */')
    out.append('};')
    return '\n'.join(out)


def containers(model: Model) -> list:
    """The lists of all objects, and the maps and nested lists that some field has, inner ones first."""
    names, out = set(), []
    scalar = {f'{n}_{k}' for n in LISTS.values() for k in ('list', 'map')}

    def need(type_: Type):
        if not type_.of:
            return
        need(type_.of)
        name = mangle(type_)
        if name in names or name in scalar:
            return
        names.add(name)
        if type_.kind == 'list':
            out.append(f'struct {name} {{\n\t{element(type_.of)} *items;\n\tuint32_t count;\n}};')
        else:
            out.append(f'struct {name} {{\n\tstruct str *keys;\n\t{element(type_.of)} *values;\n\tuint32_t count;\n}};')

    for obj in model.structs:
        need(Type('list', Type('object', name=obj.name, target=obj)))
    for obj in model.structs:
        for f in obj.fields:
            need(f.type)
    return out


def header(model: Model) -> str:
    objs, views = model.structs, list(model.views.values())
    parts = ['struct enc;']
    parts.append('\n'.join(f'struct {o.name};' for o in objs))
    parts += containers(model)
    parts += [struct(o) for o in objs]
    parts.append('/* -- encoders: JSON or ETF, straight down; views write the same struct with other fields -- */')
    parts.append('\n'.join(f'void enc_{o.name}(struct enc *enc, const struct {o.name} *obj);' for o in objs))
    parts.append('\n'.join(ctext.comment(v.doc) + f'void enc_{v.name}(struct enc *enc, const struct {v.base.name} *obj);'
                           for v in views))
    parts.append('/* -- descriptions, for codec/dec.h, row.h, dup.h -- */')
    parts.append('\n'.join(f'extern const struct obj_desc desc_{o.name};' for o in objs + views))
    parts.append(f'enum {{ OBJ_COUNT = {len(objs) + len(views)} }};\n/* All of the above. */\n'
                 'extern const struct obj_desc *const obj_descs[OBJ_COUNT];')
    return ctext.header('Objects, request bodies, queries: the schema\'s structs.', ['"codec/obj.h"'],
                        '\n\n'.join(p for p in parts if p))


# -- encoders --

def _scalar(kind: str, expr: str, nullable: bool, is_int: str = '') -> str:
    null = '_or_null' if nullable else ''
    return {
        'bool': f'enc_bool(enc, {expr});', 'int': f'enc_int(enc, {expr});', 'float': f'enc_float(enc, {expr});',
        'snowflake': f'enc_u64{null}(enc, {expr});', 'u64': f'enc_u64{null}(enc, {expr});',
        'string': f'enc_str{null}(enc, {expr});', 'time': f'enc_time{null}(enc, {expr});',
        'json': f'enc_raw_json(enc, {expr});', 'int_or_string': f'enc_int_or_str(enc, {expr}, {is_int});',
    }[kind]


def _elements(type_: Type, expr: str, depth: int, tabs: str) -> list:
    """Statements that write the list or map @expr."""
    i = f'i{depth}'
    kind = type_.kind
    lines = [f'enc_{"arr" if kind == "list" else "obj"}_begin(enc);',
             f'for (uint32_t {i} = 0; {i} < {expr}.count; {i}++) {{']
    if kind == 'map':
        lines.append(f'\tenc_key_str(enc, {expr}.keys[{i}]);')
    item = f'{expr}.{"items" if kind == "list" else "values"}[{i}]'
    of = type_.of
    if of.of:
        lines += ['\t' + line for line in _elements(of, item, depth + 1, '')]
    elif of.kind == 'object':
        lines.append(f'\tenc_{of.name}(enc, &{item});')
    else:
        lines.append('\t' + _scalar(of.kind, item, False))
    lines += ['}', f'enc_{"arr" if kind == "list" else "obj"}_end(enc);']
    return [tabs + line for line in lines]


def _value(f: Field) -> list:
    expr, kind = f'obj->{f.c}', f.type.kind
    if kind == 'object':
        return [f'if ({expr})', f'\tenc_{f.type.name}(enc, {expr});', 'else', '\tenc_null(enc);']
    if f.type.of:
        lines = _elements(f.type, expr, 0, '')
        if not f.nullable:
            return lines
        pointer = 'items' if kind == 'list' else 'keys'
        return [f'if ({expr}.{pointer}) {{'] + ['\t' + line for line in lines] + ['} else {', '\tenc_null(enc);', '}']
    if f.null_bit >= 0:
        return [f'if (obj->null.{f.c})', '\tenc_null(enc);', 'else', '\t' + _scalar(kind, expr, False)]
    return [_scalar(kind, expr, f.nullable, expr + '_is_int')]


def _empty(f: Field) -> str:
    if f.type.kind == 'string':
        return 'enc_str(enc, (struct str){});'
    if f.type.kind in ('list', 'map'):
        which = 'arr' if f.type.kind == 'list' else 'obj'
        return f'enc_{which}_begin(enc);\n\tenc_{which}_end(enc);'
    return {'int': 'enc_int(enc, 0);', 'bool': 'enc_bool(enc, false);'}.get(f.type.kind, 'enc_null(enc);')


def _fields(fields: list, empty: set) -> list:
    lines = []
    for f in fields:
        if not f.wire:
            continue
        body = [f'enc_key(enc, {ctext.string(f.name)});'] + ([_empty(f)] if f.name in empty else _value(f))
        if f.has_bit >= 0 and f.optional:
            body = [f'if (obj->has.{f.c}) {{'] + ['\t' + line for line in body] + ['}']
        lines += body
    return ['\t' + line for line in lines]


def encoder(what: 'Obj | View') -> str:
    base, empty = what.base, getattr(what, 'empty', set())
    head = f'void enc_{what.name}(struct enc *enc, const struct {base.name} *obj)\n{{\n'
    if isinstance(what, Obj) and what.is_union:
        return _union_encoder(what, head)
    lines = _fields(what.fields, empty)
    if not lines:
        lines = ['\t(void)obj;']
    return head + '\tenc_obj_begin(enc);\n' + '\n'.join(lines) + '\n\tenc_obj_end(enc);\n}\n'


def _union_encoder(union: Obj, head: str) -> str:
    out, tag = [], union.field(union.tag)
    variants = list({v.name: v for _, v in union.variants}.values())
    for v in variants:
        rest = [f for f in v.fields if f.name != union.tag]
        lines = _fields(rest, set()) or ['\t(void)enc;', '\t(void)obj;']
        out.append(f'static void fields_{v.name}(struct enc *enc, const struct {union.name} *obj)\n{{\n' +
                   '\n'.join(lines) + '\n}\n')
    body = [f'\tenc_obj_begin(enc);\n\tenc_key(enc, {ctext.string(tag.name)});', '\t' + _scalar(tag.type.kind, f'obj->{tag.c}', False)]
    if tag.type.kind == 'int':
        body.append(f'\tswitch (obj->{tag.c}) {{')
        for v in variants:
            body += [f'\tcase {value}:' for value, variant in union.variants if variant is v]
            body.append(f'\t\tfields_{v.name}(enc, obj);\n\t\tbreak;')
        body.append('\tdefault:\n\t\tbreak;\n\t}')
    else:
        for n, (value, v) in enumerate(union.variants):
            body.append(f'\t{"else " if n else ""}if (str_eq(obj->{tag.c}, S({ctext.string(value)})))')
            body.append(f'\t\tfields_{v.name}(enc, obj);')
    body.append('\tenc_obj_end(enc);')
    return '\n'.join(out) + '\n' + head + '\n'.join(body) + '\n}\n'


# -- descriptions --

def type_name(type_: Type) -> str:
    if type_.of:
        return f'{type_name(type_.of)}_{type_.kind}'
    return f'type_{type_.name}' if type_.kind == 'object' else f'type_{type_.kind}'


class Types:
    """The type descriptions that a file needs, inner ones first."""

    def __init__(self):
        self.lines = {}

    def use(self, type_: Type) -> str:
        name = type_name(type_)
        if name in self.lines:
            return name
        of = self.use(type_.of) if type_.of else None
        kind = {'list': 'TYPE_LIST', 'map': 'TYPE_MAP'}.get(type_.kind, f'TYPE_{type_.kind.upper()}')
        init = [f'.kind = {kind}', f'.size = sizeof({element(type_)})']
        if of:
            init.append(f'.of = &{of}')
        if type_.kind == 'object':
            init.append(f'.object = &desc_{type_.name}')
        self.lines[name] = f'static const struct type_desc {name} = {{ {", ".join(init)} }};'
        return name


def rules(f: Field) -> str:
    raw, leaf, out = f.raw, f.type.leaf().kind, []
    for key in ('min', 'max'):
        if key in raw and leaf == 'float':
            out.append(f'.float_{key} = {float(raw[key])!r}')
        elif key in raw:
            out.append(f'.{key} = {ctext.integer(raw[key])}')
    for key in ('min_items', 'max_items', 'max_bytes', 'max_depth'):
        if key in raw:
            out.append(f'.{key} = {raw[key]}')
    if 'pattern' in raw:
        out.append(f'.pattern = &pattern_{raw["pattern"]}')
    choices = raw.get('choices')
    if choices and leaf == 'string':
        out.append('.str_choices = (const struct str[]){ ' + ', '.join(ctext.view(c) for c in choices) + ' }')
    elif choices:
        out.append('.int_choices = (const int64_t[]){ ' + ', '.join(ctext.integer(c) for c in choices) + ' }')
    if choices:
        out.append(f'.choice_count = {len(choices)}')
    if 'default' in raw:
        default = raw['default']
        if f.type.kind == 'float':
            out.append(f'.default_float = {float(default)!r}')
        elif isinstance(default, str):
            out.append(f'.default_str = {ctext.view(default)}')
        elif not isinstance(default, list):
            out.append(f'.default_int = {ctext.integer(int(default))}')
        else:
            out.append('.default_int = 0')
    return '&(const struct field_rules){ %s }' % ', '.join(out) if out else 'NULL'


def flags(f: Field) -> str:
    out = []
    for on, name in ((f.optional, 'OPTIONAL'), (f.nullable, 'NULLABLE'), (f.wire, 'WIRE'), (f.stored, 'STORED'),
                     (f.raw.get('trim'), 'TRIM'), (f.raw.get('unique'), 'UNIQUE'), (f.raw.get('coerce'), 'COERCE'),
                     (f.raw.get('null_absent'), 'NULL_ABSENT'), ('default' in f.raw, 'DEFAULT'), ('min' in f.raw, 'MIN'), ('max' in f.raw, 'MAX')):
        if on:
            out.append('FIELD_' + name)
    return ' | '.join(out) or '0'


def field_desc(base: Obj, f: Field, types: Types) -> str:
    has = str(f.has_bit) if f.has_bit >= 0 else 'FIELD_NO_BIT'
    null = str(f.null_bit) if f.null_bit >= 0 else 'FIELD_NO_BIT'
    return f'\t{{ {ctext.view(f.name)}, &{types.use(f.type)}, {rules(f)},\n' \
           f'\t  offsetof(struct {base.name}, {f.c}), {f.id if f.stored else 0}, {flags(f)}, {has}, {null} }},'


def _desc_body(name: str, base: Obj, fields: list, fields_name: str, more: list) -> list:
    init = [f'.name = {ctext.string(name)}', f'.size = sizeof(struct {base.name})']
    for bits, member_name in ((base.has_fields, 'has'), (base.null_fields, 'null')):
        if bits:
            init.append(f'.{member_name}_at = offsetof(struct {base.name}, {member_name})')
    if base.is_stored:
        init.append(f'.unknown_at = offsetof(struct {base.name}, unknown_fields)')
    if fields:
        init += [f'.fields = {fields_name}', f'.field_count = {len(fields)}']
    init.append(f'.base = &desc_{base.name}')
    return init + more


def _table(name: str, base: Obj, fields: list, types: Types) -> str:
    if not fields:
        return ''
    return f'static const struct field_desc {name}[] = {{\n' + \
        '\n'.join(field_desc(base, f, types) for f in fields) + '\n};\n'


def description(what: 'Obj | View', types: Types) -> str:
    base, out, more = what.base, [], []
    out.append(f'static void any_{what.name}(struct enc *enc, const void *obj)\n{{\n\tenc_{what.name}(enc, obj);\n}}\n')
    out.append(_table(f'fields_of_{what.name}', base, what.fields, types))
    if isinstance(what, Obj) and what.is_union:
        variants = list({v.name: v for _, v in what.variants}.values())
        for v in variants:
            tag_first = sorted(v.fields, key=lambda f: f.name != what.tag)
            out.append(_table(f'fields_of_{v.name}', what, tag_first, types))
            init = _desc_body(v.name, what, v.fields, f'fields_of_{v.name}', [])
            out.append(f'static const struct obj_desc desc_{v.name} = {{\n\t' + ',\n\t'.join(init) + ',\n};\n')
        rows = []
        for n, (value, v) in enumerate(what.variants):
            number, text = (value, '{ NULL, 0 }') if isinstance(value, int) else (n, ctext.view(value))
            rows.append(f'\t{{ {number}, {text}, &desc_{v.name} }},')
        out.append(f'static const struct variant_desc variants_of_{what.name}[] = {{\n' + '\n'.join(rows) + '\n};\n')
        more += [f'.variants = variants_of_{what.name}', f'.variant_count = {len(rows)}',
                 f'.tag = &fields_of_{what.name}[0]']
        if what.tag_default is not None:
            values = [str(value) for value, _ in what.variants]
            default = what.tag_default if isinstance(what.tag_default, int) else values.index(what.tag_default)
            more += [f'.tag_default = {default}', '.tag_has_default = true']
    init = _desc_body(what.name, base, what.fields, f'fields_of_{what.name}', more + [f'.enc = any_{what.name}'])
    out.append(f'const struct obj_desc desc_{what.name} = {{\n\t' + ',\n\t'.join(init) + ',\n};\n')
    return '\n'.join(o for o in out if o)


def file_of(name: str) -> int:
    """By its name, so that a new object makes one file new, not all."""
    return zlib.crc32(name.encode()) % FILE_COUNT


def files(model: Model) -> dict:
    everything = model.structs + list(model.views.values())
    out = {'model/objects.h': header(model)}
    for number in range(FILE_COUNT):
        types, bodies = Types(), []
        for what in everything:
            if file_of(what.base.name) == number:
                bodies += [encoder(what), description(what, types)]
        if number == 0:
            rows = '\n'.join(f'\t&desc_{w.name},' for w in everything)
            bodies.append(f'const struct obj_desc *const obj_descs[OBJ_COUNT] = {{\n{rows}\n}};\n')
        text = '\n'.join(types.lines.values()) + '\n\n' + '\n'.join(bodies)
        out[f'model/objects_{number}.c'] = ctext.source(
            ['"model/objects.h"', '', '<stddef.h>', '', '"codec/enc.h"', '"codec/patterns.h"'], text) \
            .replace('#include \n', '\n')
    return out
