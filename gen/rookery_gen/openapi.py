"""openapi.json: an OpenAPI 3.1 document of the routes that are served."""
import json

from .ctext import string
from .schema import Field, Model, Obj, Route, Type, View, path_params

SCALARS = {
    'bool': {'type': 'boolean'}, 'int': {'type': 'integer', 'format': 'int64'},
    'float': {'type': 'number', 'format': 'double'}, 'snowflake': {'$ref': '#/components/schemas/snowflake'},
    'u64': {'type': 'string', 'pattern': '^[0-9]+$'}, 'string': {'type': 'string'},
    'time': {'type': 'string', 'format': 'date-time'}, 'json': {}, 'int_or_string': {'type': ['integer', 'string']},
}


class Schemas:
    """Those that are referred to, made when they are."""

    def __init__(self):
        self.made = {'snowflake': {'type': 'string', 'pattern': '^(0|[1-9][0-9]*)$', 'description': 'an id'}}

    def use(self, what: 'Obj | View') -> dict:
        if what.name not in self.made:
            self.made[what.name] = {}
            self.made[what.name] = self.union(what) if isinstance(what, Obj) and what.is_union else \
                self.object(what.fields, what.doc)
        return {'$ref': f'#/components/schemas/{what.name}'}

    def object(self, fields: list, doc: str) -> dict:
        wire = [f for f in fields if f.wire]
        out = {'type': 'object', 'properties': {f.name: self.field(f) for f in wire}}
        required = [f.name for f in wire if f.required]
        if required:
            out['required'] = required
        if doc:
            out['description'] = doc
        return out

    def union(self, union: Obj) -> dict:
        refs, mapping = [], {}
        for value, variant in union.variants:
            ref = f'#/components/schemas/{variant.name}'
            if variant.name not in self.made:
                self.made[variant.name] = {}
                self.made[variant.name] = self.object(variant.fields, variant.doc)
                self.made[variant.name]['properties'][union.tag] = {'enum': [v for v, o in union.variants if o is variant]}
            if {'$ref': ref} not in refs:
                refs.append({'$ref': ref})
            mapping[str(value)] = ref
        out = {'oneOf': refs, 'discriminator': {'propertyName': union.tag, 'mapping': mapping}}
        if union.doc:
            out['description'] = union.doc
        return out

    def type(self, type_: Type, f: 'Field | None' = None) -> dict:
        raw = f.raw if f else {}
        if type_.kind == 'list':
            out = {'type': 'array', 'items': self.type(type_.of, f)}
            for key, name in (('min_items', 'minItems'), ('max_items', 'maxItems'), ('unique', 'uniqueItems')):
                if key in raw:
                    out[name] = raw[key]
            return out
        if type_.kind == 'map':
            return {'type': 'object', 'additionalProperties': self.type(type_.of, f)}
        if type_.kind == 'object':
            return self.use(type_.target)
        out = dict(SCALARS[type_.kind])
        names = ('minLength', 'maxLength') if type_.kind in ('string', 'int_or_string') else ('minimum', 'maximum')
        for key, name in zip(('min', 'max'), names):
            if key in raw:
                out[name] = raw[key]
        if 'choices' in raw:
            out['enum'] = list(raw['choices'])
        return out

    def field(self, f: Field) -> dict:
        out = self.type(f.type, f)
        if 'default' in f.raw:
            out = {**out, 'default': f.raw['default']}
        if f.doc:
            out = {**out, 'description': f.doc}
        if not (f.nullable or f.raw.get('null_absent')) or f.type.kind == 'json':
            return out
        if '$ref' in out or 'type' not in out:
            return {'oneOf': [out, {'type': 'null'}]}
        kinds = out['type'] if isinstance(out['type'], list) else [out['type']]
        if 'enum' in out:
            out['enum'] = out['enum'] + [None]
        return {**out, 'type': kinds + ['null']}


def _operation(model: Model, route: Route, path: str, schemas: Schemas) -> dict:
    out = {'operationId': route.name, 'tags': [route.group]}
    parameters = []
    for name in path_params(path):
        schema = SCALARS['snowflake'] if model.params[name] == 'snowflake' else {'type': 'string'}
        parameters.append({'name': name, 'in': 'path', 'required': True, 'schema': schema})
    if route.query:
        for f in route.query.target.fields:
            parameters.append({'name': f.name, 'in': 'query', 'required': f.required, 'schema': schemas.field(f)})
    if route.raw.get('reason'):
        parameters.append({'name': 'X-Audit-Log-Reason', 'in': 'header', 'schema': {'type': 'string', 'maxLength': 512}})
    if parameters:
        out['parameters'] = parameters
    if route.body:
        body = schemas.type(route.body)
        content = {'application/json': {'schema': body}}
        if route.raw.get('form'):
            content['application/x-www-form-urlencoded'] = {'schema': body}
        if route.raw.get('multipart'):
            content['multipart/form-data'] = {'schema': {'type': 'object', 'properties': {'payload_json': body},
                                                         'additionalProperties': {'contentMediaType': 'application/octet-stream'}}}
        out['requestBody'] = {'content': content, 'required': True}
    answer = {'description': 'done'}
    if route.out:
        answer['content'] = {'application/json': {'schema': schemas.type(route.out)}}
    out['responses'] = {str(status): answer for status in route.statuses}
    errors = route.raw.get('errors', [])
    out['responses']['4XX'] = {'$ref': '#/components/responses/' + ('oauth_error' if route.raw.get('oauth_errors') else 'error')}
    if errors:
        entries = model.sections['error']
        out['x-errors'] = [{'name': e, 'code': entries[e].get('wire', entries[e]['code']), 'status': entries[e]['http']}
                           for e in errors]
    security = []
    for auth in route.auth:
        if auth == 'none':
            security.append({})
        elif auth.startswith('oauth2:'):
            security.append({'oauth2': [] if auth == 'oauth2:any' else [auth[7:]]})
        else:
            security.append({auth: []})
    out['security'] = security
    return out


def files(model: Model) -> dict:
    schemas, paths, scopes = Schemas(), {}, set()
    for route in model.routes.values():
        if not route.served:
            continue
        scopes |= {a[7:] for a in route.auth if a.startswith('oauth2:') and a != 'oauth2:any'}
        for number, (method, path) in enumerate([(route.method, route.path)] + route.aliases):
            operation = _operation(model, route, path, schemas)
            if number:
                operation['operationId'] += f'_{number + 1}'
                operation['deprecated'] = True
            paths.setdefault(path, {})[method.lower()] = operation
    error = {'type': 'object', 'required': ['message', 'code'], 'properties': {
        'message': {'type': 'string'}, 'code': {'type': 'integer'},
        'errors': {'type': 'object', 'description': 'with code 50035: by the places in the body, `_errors` at the leaves'}}}
    oauth_error = {'type': 'object', 'required': ['error'], 'properties': {
        'error': {'type': 'string', 'description': 'RFC 6749 5.2'}, 'error_description': {'type': 'string'}}}
    responses = {'error': {'description': 'refused', 'content': {'application/json': {'schema': error}}}}
    if any(route.raw.get('oauth_errors') for route in model.routes.values()):
        responses['oauth_error'] = {'description': 'refused, as OAuth2 says it or as everything else is',
                                    'content': {'application/json': {'schema': {'anyOf': [oauth_error, error]}}}}
    document = {
        'openapi': '3.1.0',
        'info': {'title': 'Rookery', 'version': '10', 'description': 'What this version serves of the public protocol.'},
        'servers': [{'url': '/api/v10'}, {'url': '/api/v9'}, {'url': '/api/v8'}],
        'paths': paths,
        'components': {
            'schemas': {name: schemas.made[name] for name in sorted(schemas.made)},
            'responses': responses,
            'securitySchemes': {
                'bot': {'type': 'apiKey', 'in': 'header', 'name': 'Authorization', 'description': 'Bot TOKEN'},
                'user': {'type': 'apiKey', 'in': 'header', 'name': 'Authorization', 'description': 'TOKEN'},
                'client': {'type': 'http', 'scheme': 'basic'},
                'oauth2': {'type': 'oauth2', 'flows': {'authorizationCode': {
                    'authorizationUrl': '/oauth2/authorize', 'tokenUrl': '/api/oauth2/token',
                    'scopes': {s: s for s in sorted(scopes)}}}},
            },
        },
    }
    text = json.dumps(document, separators=(',', ':'), ensure_ascii=False) + '\n'
    return {'openapi.json': text, **_embedded(text)}


def _embedded(text: str) -> dict:
    """The same inside the program, which serves it. In pieces, since compilers bound a literal's length."""
    pieces = [text[at:at + 400] for at in range(0, len(text), 400)]
    head = '/* Made by gen/generate.py from schema/. Do not edit. */\n'
    return {
        'model/openapi.h': head + '/* The OpenAPI 3.1 document of what is served. */\n#pragma once\n\n#include <stddef.h>\n\n'
                           f'enum {{ OPENAPI_LEN = {len(text.encode())} }};\nextern const char openapi_json[OPENAPI_LEN + 1];\n',
        'model/openapi.c': head + '#include "model/openapi.h"\n\nconst char openapi_json[OPENAPI_LEN + 1] =\n'
                           + '\n'.join('\t' + string(piece) for piece in pieces) + ';\n',
    }
