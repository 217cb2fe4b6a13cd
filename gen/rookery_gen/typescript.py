"""protocol.ts: the same objects, events and calls for the web client."""
import re

from .schema import Field, Model, Obj, Route, Type, View, path_params

SCALARS = {'bool': 'boolean', 'int': 'number', 'float': 'number', 'snowflake': 'Snowflake', 'u64': 'string',
           'string': 'string', 'time': 'string', 'json': 'unknown', 'int_or_string': 'number | string'}


def pascal(name: str) -> str:
    return ''.join(part[:1].upper() + part[1:] for part in re.split(r'\W|_', name))


def camel(name: str) -> str:
    text = pascal(name)
    return text[:1].lower() + text[1:]


def _type(type_: Type, f: 'Field | None' = None) -> str:
    if type_.kind == 'list':
        inner = _type(type_.of, f)
        return f'({inner})[]' if '|' in inner else f'{inner}[]'
    if type_.kind == 'map':
        return f'Record<string, {_type(type_.of, f)}>'
    if type_.kind == 'object':
        return pascal(type_.name)
    choices = f.raw.get('choices') if f else None
    if choices and len(choices) <= 32:
        return ' | '.join(repr(c) if isinstance(c, str) else str(c) for c in choices)
    return SCALARS[type_.kind]


def _field(f: Field, in_: bool, type_: str = '') -> str:
    doc = f' // {" ".join(f.doc.split())}' if f.doc else ''
    text = type_ or _type(f.type, f)
    if f.nullable and f.type.kind != 'json':
        text += ' | null'
    name = f.name if re.fullmatch(r'\w+', f.name) else repr(f.name)
    optional = f.optional or (in_ and 'default' in f.raw)
    return f'\t{name}{"?" if optional else ""}: {text};{doc}'


def _interface(name: str, doc: str, lines: list) -> str:
    comment = f'/** {" ".join(doc.split())} */\n' if doc else ''
    if not lines:
        return f'{comment}export type {name} = Record<string, never>;\n'
    return f'{comment}export interface {name} {{\n' + '\n'.join(lines) + '\n}\n'


def _inputs(model: Model) -> set:
    """Names of what clients send: there a field with a default may be left out."""
    found, todo = set(), []
    for route in model.routes.values():
        todo += [t.leaf().target for t in (route.body, route.query) if t]
    todo += [model.find(e['object']) for e in model.sections['opcode'].values() if 'object' in e]
    while todo:
        what = todo.pop()
        if what.name in found:
            continue
        found.add(what.name)
        inner = [what] if not isinstance(what, Obj) or not what.is_union else [v for _, v in what.variants]
        for one in inner:
            found.add(one.name)
            todo += [f.type.leaf().target for f in one.fields if f.type.leaf().target]
    return found


def _objects(model: Model) -> list:
    out, inputs = [], _inputs(model)
    for what in list(model.objects.values()) + list(model.views.values()):
        name = pascal(what.name)
        wire = [f for f in what.fields if f.wire]
        if not wire and what.fields:
            continue  # rows
        if isinstance(what, Obj) and what.is_union:
            names = list(dict.fromkeys(pascal(v.name) for _, v in what.variants))
            out.append(f'export type {name} =\n\t| ' + '\n\t| '.join(names) + ';\n')
            continue
        lines = []
        for f in wire:
            tag = ''
            if isinstance(what, Obj) and what.of_union and f.name == what.of_union.tag:
                tag = ' | '.join(repr(v) if isinstance(v, str) else str(v) for v, o in what.of_union.variants if o is what)
            lines.append(_field(f, what.name in inputs, tag))
        out.append(_interface(name, what.doc, lines))
    return out


def _enum(name: str, entries: dict, value) -> str:
    rows = '\n'.join(f'\t{key}: {value(e)},' for key, e in entries.items())
    return f'export const {name} = {{\n{rows}\n}} as const;\n'


def _call(model: Model, route: Route) -> str:
    args, options = [], []
    for param in path_params(route.path):
        args.append(f'{camel(param)}: {"Snowflake" if model.params[param] == "snowflake" else "string"}')
    path = re.sub(r'\{(\w+)\}', lambda m: '${encodeURIComponent(' + camel(m[1]) + ')}', route.path)
    if route.body:
        args.append(f'body: {_type(route.body)}')
        options.append('body')
    if route.query:
        required = any(f.required for f in route.query.target.fields)
        args.append(f'query: {_type(route.query)}' + ('' if required else ' = {}'))
        options.append('query')
    if route.raw.get('multipart'):
        args.append('files: readonly Blob[] = []')
        options.append('files')
    if route.raw.get('reason'):
        args.append('reason?: string')
        options.append('...(reason === undefined ? {} : { reason })')
    result = _type(route.out) if route.out else 'unknown' if route.raw_out else 'void'
    option_text = f', {{ {", ".join(options)} }}' if options else ''
    quoted = f'`{path}`' if '${' in path else f"'{path}'"
    return f'\t/** {route.method} {route.path} */\n\tasync {camel(route.name)}({", ".join(args)}): Promise<{result}> {{\n' \
        f"\t\treturn (await this.send('{route.method}', {quoted}{option_text})) as {result};\n\t}}\n"


HEAD = '''// Made by gen/generate.py from schema/. Do not edit.

/** An id: decimal digits. Compare with compareSnowflakes(). */
export type Snowflake = string;

/** Older ids are smaller; lengths differ, so strings do not compare as they are. */
export function compareSnowflakes(a: Snowflake, b: Snowflake): number {
	if (a.length !== b.length) return a.length - b.length;
	return a < b ? -1 : a > b ? 1 : 0;
}
'''

REST = '''export interface RestOptions {
	body?: unknown;
	query?: object;
	files?: readonly Blob[];
	reason?: string;
}
/** Sends a call and gives its JSON; rejects with what is not 2xx. Paths are relative to /api/v10. */
export type RestSend = (method: string, path: string, options?: RestOptions) => Promise<unknown>;

/** The calls that this version serves. */
export class Rest {
	readonly send: RestSend;
	constructor(send: RestSend) {
		this.send = send;
	}
'''


def files(model: Model) -> dict:
    out = [HEAD, *_objects(model)]
    sections = model.sections
    out.append(_enum('Errors', sections['error'], lambda e: e.get('wire', e['code'])))
    out.append(_enum('Permissions', sections['permission'], lambda e: f'1n << {e["bit"]}n'))
    out.append(_enum('Intents', sections['intent'], lambda e: 1 << e['bit']))
    out.append(_enum('Limits', sections['limit'], lambda e: e['value']))
    out.append(_enum('GatewayOp', sections['opcode'], lambda e: e['code']))
    out.append(_enum('CloseCode', sections['closecode'], lambda e: e['code']))
    rows = '\n'.join(f'\t{name}: {pascal(e.object.name) if e.object else "unknown"};' for name, e in model.events.items())
    out.append(f'/** What `d` is, by `t`. */\nexport interface Events {{\n{rows}\n}}\nexport type EventName = keyof Events;\n')
    out.append('/** A dispatch, told apart by `t`. */\nexport type Dispatch = {\n'
               '\t[T in EventName]: { op: 0; s: number; t: T; d: Events[T] };\n}[EventName];\n')
    out.append(REST + '\n' + '\n'.join(_call(model, r) for r in model.routes.values() if r.served).rstrip('\n') + '\n}\n')
    return {'protocol.ts': '\n'.join(out)}
