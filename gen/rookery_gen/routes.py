"""model/routes.h, routes.c (finding) and routes_run.c (the table and the wrappers around handlers)."""
import hashlib
import re

from . import ctext
from .schema import Model, Route, Type, path_params

METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
OWNERS = ['any', 'user', 'guild', 'channel', 'application', 'invite', 'target_user', 'webhook']
PARAMS_MAX = 8


def scopes(model: Model) -> list:
    found = {a.split(':', 1)[1] for r in model.routes.values() for a in r.auth if a.startswith('oauth2:')}
    return sorted(found - {'any'})


def _scope_c(scope: str) -> str:
    return 'OAUTH_SCOPE_' + re.sub(r'\W', '_', scope).upper()


def buckets(model: Model) -> list:
    out = {'none': {'name': 'none', 'limit': 0, 'per_ms': 0}}
    for route in model.routes.values():
        raw = route.raw.get('bucket')
        if not raw:
            continue
        raw = {'name': raw} if isinstance(raw, str) else raw
        old = out.setdefault(raw['name'], dict(raw))
        for key, value in raw.items():
            if old.setdefault(key, value) != value:
                model.complain(f'route {route.name}: bucket {raw["name"]} has other numbers elsewhere')
    return list(out.values())


def _bucket_name(route: Route) -> str:
    raw = route.raw.get('bucket')
    return 'none' if not raw else raw if isinstance(raw, str) else raw['name']


def _auth(route: Route) -> tuple:
    flags, bits = set(), set()
    for auth in route.auth:
        if auth.startswith('oauth2:'):
            flags.add('AUTH_OAUTH2')
            bits.add('OAUTH_SCOPES_ANY' if auth == 'oauth2:any' else f'UINT64_C(1) << {_scope_c(auth[7:])}')
        else:
            flags.add('AUTH_' + auth.upper())
    return ' | '.join(sorted(flags)) or '0', ' | '.join(sorted(bits)) or '0'


def list_desc(type_: Type) -> str:
    return f'desc_{type_.of.name}_list' if type_.kind == 'list' else f'desc_{type_.name}'


def _in_type(type_: Type) -> str:
    return f'struct {type_.of.base.name}_list' if type_.kind == 'list' else f'struct {type_.base.name}'


def handler(route: Route) -> str:
    args = ['struct req *req']
    if route.body:
        args.append(f'const {_in_type(route.body)} *in')
    if route.query:
        args.append(f'const {_in_type(route.query)} *query')
    if route.out:
        args.append(f'{_in_type(route.out)} *out')
    return f'int api_{route.name}({", ".join(args)})'


def _wrapper(route: Route) -> str:
    lines, args = [], ['req']
    for what, name in ((route.body, 'in'), (route.query, 'query'), (route.out, 'out')):
        if what:
            lines.append(f'\t{_in_type(what)} {name} = {{}};')
            args.append('&' + name)
    lines.append('\tint r;\n')
    if route.body:
        lines.append(f'\tr = req_decode(req, &{list_desc(route.body)}, &in);\n\tif (r)\n\t\treturn r;')
    if route.query:
        lines.append(f'\tr = req_decode_query(req, &desc_{route.query.name}, &query);\n\tif (r)\n\t\treturn r;')
    lines.append(f'\tr = api_{route.name}({", ".join(args)});')
    if route.out:
        lines.append('\tif (r)\n\t\treturn r;')
        if route.out.kind == 'list':
            lines.append('\tstruct enc *enc = req_enc(req);\n\tenc_arr_begin(enc);\n'
                         '\tfor (uint32_t i = 0; i < out.count; i++)\n'
                         f'\t\tenc_{route.out.of.name}(enc, &out.items[i]);\n\tenc_arr_end(enc);')
        else:
            lines.append(f'\tenc_{route.out.name}(req_enc(req), &out);')
        lines.append('\treturn 0;')
    else:
        lines.append('\treturn r;')
    return f'static int run_{route.name}(struct req *req)\n{{\n' + '\n'.join(lines) + '\n}\n'


def _list_descs(model: Model) -> tuple:
    """Root arrays as bodies: declarations, definitions."""
    head, body, done = [], [], set()
    for route in model.routes.values():
        if not route.body or route.body.kind != 'list' or list_desc(route.body) in done:
            continue
        item, name = route.body.of, list_desc(route.body)
        done.add(name)
        rules = ', '.join(f'.{k} = {route.raw[k]}' for k in ('min_items', 'max_items') if k in route.raw)
        head.append(f'extern const struct obj_desc {name};')
        body.append(f'''static const struct type_desc type_{name}_item = {{
	.kind = TYPE_OBJECT, .size = sizeof(struct {item.base.name}), .object = &desc_{item.name}
}};
static const struct type_desc type_{name} = {{
	.kind = TYPE_LIST, .size = sizeof(struct {item.base.name}_list), .of = &type_{name}_item
}};
static const struct field_desc root_of_{name} = {{
	.name = {{ "", 0 }}, .type = &type_{name}, .rules = {'&(const struct field_rules){ ' + rules + ' }' if rules else 'NULL'},
	.flags = FIELD_WIRE, .has_bit = FIELD_NO_BIT, .null_bit = FIELD_NO_BIT
}};
const struct obj_desc {name} = {{
	.name = "{item.name}_list", .size = sizeof(struct {item.base.name}_list), .list = &root_of_{name}, .base = &{name}
}};
''')
    return head, body


# -- the trie of path segments --

class Node:
    def __init__(self):
        self.literals, self.param, self.leaves = {}, None, {}


def _trie(model: Model) -> Node:
    root = Node()
    for index, route in enumerate(model.routes.values()):
        for method, path in [(route.method, route.path)] + route.aliases:
            node = root
            for segment in path.split('/')[1:]:
                if segment.startswith('{'):
                    node.param = node.param or Node()
                    node = node.param
                else:
                    node = node.literals.setdefault(segment, Node())
            node.leaves[method] = (index, path_params(path))
    return root


def _tables(model: Model) -> str:
    order, edges, leaves, nodes = [], [], [], []

    def number(node):
        node.index = len(order)
        order.append(node)
        for child in list(node.literals.values()) + ([node.param] if node.param else []):
            number(child)

    number(_trie(model))
    names = list(model.params)
    for node in order:
        first_edge, first_leaf = len(edges), len(leaves)
        for text in sorted(node.literals, key=lambda t: (len(t), t)):
            edges.append(f'\t{{ {ctext.view(text)}, {node.literals[text].index} }},')
        for method in METHODS:
            if method in node.leaves:
                index, params = node.leaves[method]
                ids = ', '.join(str(names.index(p)) for p in params)
                leaves.append(f'\t{{ HTTP_{method}, {index}, {len(params)}, {{ {ids} }} }},' if params else
                              f'\t{{ HTTP_{method}, {index}, 0, {{}} }},')
        nodes.append(f'\t{{ {first_edge}, {len(node.literals)}, {node.param.index if node.param else -1}, '
                     f'{first_leaf}, {len(node.leaves)} }},')
    params = [f'\t{{ "{p}", offsetof(struct route_params, {p}), {str(model.params[p] == "snowflake").lower()} }},'
              for p in names]
    return f'''/* A path segment that is taken literally, and where it leads. Shorter ones first, then by bytes. */
static const struct edge {{
	struct str text;
	uint16_t node;
}} edges[] = {{
{chr(10).join(edges) or "	{ { NULL, 0 }, 0 },"}
}};

static const struct leaf {{
	uint8_t method;
	uint16_t route;
	uint8_t param_count;
	uint8_t params[PARAMS_MAX];
}} leaves[] = {{
{chr(10).join(leaves) or "	{ 0, 0, 0, {} },"}
}};

static const struct node {{
	uint16_t edge, edge_count;
	int16_t param; /* where any other segment leads, -1: nowhere */
	uint16_t leaf, leaf_count;
}} nodes[] = {{
{chr(10).join(nodes)}
}};

static const struct param {{
	const char *name;
	size_t offset;
	bool snowflake;
}} params[] = {{
{chr(10).join(params) or "	{ NULL, 0, false },"}
}};
'''


FIND = '''struct walk {
	struct str segments[SEGMENTS_MAX];
	struct str literals[SEGMENTS_MAX]; /* the same, percent-decoded: some clients write @me as %40me */
	uint32_t count;
	struct str values[SEGMENTS_MAX];
	enum http_method method;
	uint32_t allow;
	const struct leaf *leaf;
	uint32_t value_count;
};

static bool visit(struct walk *walk, const struct node *node, uint32_t depth, uint32_t values)
{
	if (depth == walk->count) {
		for (uint32_t i = 0; i < node->leaf_count; i++) {
			const struct leaf *leaf = &leaves[node->leaf + i];

			walk->allow |= 1u << leaf->method;
			if (leaf->method == walk->method) {
				walk->leaf = leaf;
				walk->value_count = values;
				return true;
			}
		}
		return false;
	}
	struct str segment = walk->segments[depth], literal = walk->literals[depth];
	for (uint32_t i = 0; i < node->edge_count; i++) {
		const struct edge *edge = &edges[node->edge + i];

		if (edge->text.len > literal.len)
			break;
		/* A literal wins over a parameter; when it leads nowhere, the parameter is tried. */
		if (str_eq(edge->text, literal) && visit(walk, &nodes[edge->node], depth + 1, values))
			return true;
	}
	if (node->param < 0 || !segment.len)
		return false;
	walk->values[values] = segment;
	return visit(walk, &nodes[node->param], depth + 1, values + 1);
}

static void set_param(struct route_params *ret, const struct param *param, struct str raw, struct arena *arena)
{
	struct str text = str_find(raw, '%') == raw.len ? raw : dec_percent(arena, raw, false);
	char *at = (char *)ret + param->offset;
	bool good = text.ptr && str_utf8_valid(text);

	if (good && param->snowflake)
		good = str_u64(text, (uint64_t *)(void *)at);
	else if (good)
		*(struct str *)(void *)at = text;
	if (!good && !ret->bad.ptr) {
		ret->bad = raw;
		ret->bad_name = param->name;
	}
}

int route_find(enum http_method method, struct str path, const struct route **ret_route,
	       struct route_params *ret_params, struct arena *arena)
{
	struct walk walk = { .method = method == HTTP_HEAD ? HTTP_GET : method };

	memset(ret_params, 0, sizeof(*ret_params));
	if (!path.len || path.ptr[0] != '/')
		return 404;
	for (size_t from = 1; from <= path.len;) {
		struct str rest = { path.ptr + from, path.len - from };
		size_t len = str_find(rest, '/');

		if (walk.count == SEGMENTS_MAX)
			return 404;
		struct str raw = { rest.ptr, len };
		struct str text = str_find(raw, '%') == len ? raw : dec_percent(arena, raw, false);
		walk.literals[walk.count] = text.ptr ? text : raw;
		walk.segments[walk.count++] = raw;
		from += len + 1;
	}
	if (!visit(&walk, &nodes[0], 0, 0)) {
		ret_params->allow = walk.allow;
		return walk.allow ? 405 : 404;
	}
	for (uint32_t i = 0; i < walk.leaf->param_count; i++)
		set_param(ret_params, &params[walk.leaf->params[i]], walk.values[i], arena);
	ret_params->allow = walk.allow;
	*ret_route = &routes[walk.leaf->route];
	return 0;
}
'''


def header(model: Model) -> str:
    routes = list(model.routes.values())
    all_scopes = scopes(model)
    owners = OWNERS + sorted({r.owner for r in routes} - set(OWNERS))
    bucket_list = buckets(model)
    snow = [p for p, kind in model.params.items() if kind == 'snowflake']
    text = [p for p, kind in model.params.items() if kind != 'snowflake']
    params = [f'\tuint64_t {p};' for p in snow] + [f'\tstruct str {p};' for p in text]
    list_head, _ = _list_descs(model)
    served = [r for r in routes if r.served]
    parts = ['struct arena;\nstruct req;', f'enum {{ ROUTE_COUNT = {len(routes)} }};']
    parts.append('/* Who runs it. */\nenum route_owner {\n' + '\n'.join(f'\tOWNER_{o.upper()},' for o in owners) + '\n};')
    parts.append('''/* Who may call it: any of. */
enum route_auth {
	AUTH_NONE = 1 << 0,   /* nobody in particular */
	AUTH_BOT = 1 << 1,
	AUTH_USER = 1 << 2,
	AUTH_CLIENT = 1 << 3, /* an application by its secret */
	AUTH_OAUTH2 = 1 << 4, /* a bearer token with one of route->scopes */
};''')
    rows = '\n'.join(f'\t{_scope_c(s)}, /* {s} */' for s in all_scopes)
    parts.append(f'enum oauth_scope {{\n{rows}\n\tOAUTH_SCOPE_COUNT,\n}};\n#define OAUTH_SCOPES_ANY UINT64_MAX\n'
                 'extern const char *const oauth_scope_names[OAUTH_SCOPE_COUNT + 1]; /* NULL at the end */')
    parts.append('''/* Calls that count together, for each caller and major parameter. limit 0: no limit. */
struct route_bucket {
	const char *name;
	const char *hash; /* X-RateLimit-Bucket */
	uint32_t limit, per_ms;
	bool global_exempt; /* not counted against the caller's global limit */
};
enum route_bucket_id {
%s
	BUCKET_COUNT,
};
extern const struct route_bucket route_buckets[BUCKET_COUNT];''' %
                 '\n'.join(f'\tBUCKET_{re.sub(chr(92) + "W", "_", b["name"]).upper()},' for b in bucket_list))
    parts.append('/* Every parameter of any path; those that the path has not are zero. Strings lie in the path, or in the arena\n'
                 ' * when they were percent-encoded. */\nstruct route_params {\n' + '\n'.join(params) + '''
	struct str bad;       /* a parameter that should have been a number, or UTF-8, as it came; null view: none */
	const char *bad_name; /* which */
	uint32_t allow;       /* methods that this path has, 1 << enum http_method */
};''')
    parts.append('''struct route {
	const char *name, *template; /* "create_message", "/channels/{channel_id}/messages" */
	const char *group;
	char tier;
	enum http_method method;
	uint16_t id; /* index in routes[] */
	enum route_owner owner;
	uint32_t auth;   /* enum route_auth bits */
	uint64_t scopes; /* with AUTH_OAUTH2: 1 << enum oauth_scope bits */
	uint16_t bucket; /* index in route_buckets[] */
	uint16_t status; /* of success */
	bool served;
	bool multipart; /* files may come along */
	bool early; /* can do with a realm of which members are still being loaded */
	bool form;      /* the body may be form-urlencoded */
	bool reason;    /* X-Audit-Log-Reason is read */
	bool mfa;       /* people prove anew that it is they: api/stepup.h */
	const struct obj_desc *body, *query; /* NULL: none */
	int (*run)(struct req *req);         /* decodes, calls the handler, encodes; NULL: not served */
};
extern const struct route routes[ROUTE_COUNT + 1]; /* a NULL name at the end */

/* Finds by method and path (without /api/vN and without the query; HEAD finds GET). 0; 404 no such path; 405 wrong
 * method (see ret_params->allow). A parameter that is malformed does not keep a route from being found: it is named
 * in ret_params->bad. Escapes are decoded into @arena. */
int route_find(enum http_method method, struct str path, const struct route **ret_route,
	       struct route_params *ret_params, struct arena *arena);''')
    if list_head:
        parts.append('/* Bodies that are arrays. */\n' + '\n'.join(list_head))
    if served:
        parts.append('/* -- handlers, written by hand in api/: 0, a positive ERR_ code, or a negative errno -- */\n' +
                     '\n'.join(f'/* {r.method} {r.path} */\n{handler(r)};' for r in served))
    return ctext.header('REST routes.', ['"base/str.h"', '"http/method.h"', '"model/objects.h"'], '\n\n'.join(parts))


def files(model: Model) -> dict:
    routes = list(model.routes.values())
    _, list_body = _list_descs(model)
    depth = max([p.count('/') for r in routes for _, p in [(r.method, r.path)] + r.aliases], default=1)
    find = '\n'.join(list_body) + f'\nenum {{ SEGMENTS_MAX = {depth}, PARAMS_MAX = {PARAMS_MAX} }};\n\n' + \
        _tables(model) + '\n' + FIND
    served = [r for r in routes if r.served]
    rows = []
    for index, r in enumerate(routes):
        auth, scope_bits = _auth(r)
        flags = ', '.join(f'.{k} = true' for k in ('multipart', 'form', 'early', 'reason', 'mfa') if r.raw.get(k))
        bucket = 'BUCKET_' + re.sub(r'\W', '_', _bucket_name(r)).upper()
        rows.append(
            f'\t{{ .name = "{r.name}", .template = {ctext.string(r.path)}, .group = {ctext.string(r.group)},\n'
            f'\t  .tier = \'{r.tier or "C"}\', .method = HTTP_{r.method}, .id = {index}, .owner = OWNER_{r.owner.upper()},\n'
            f'\t  .auth = {auth}, .scopes = {scope_bits}, .bucket = {bucket}, .status = {r.statuses[0]}' +
            (f', {flags}' if flags else '') +
            (f',\n\t  .body = &{list_desc(r.body)}' if r.body else '') +
            (f', .query = &desc_{r.query.name}' if r.query else '') +
            (f',\n\t  .served = true, .run = run_{r.name}' if r.served else '') + ' },')
    rows.append('\t{ .name = NULL },')
    bucket_rows = []
    for b in buckets(model):
        digest = hashlib.sha256(b['name'].encode()).hexdigest()[:32]
        exempt = b.get('global_exempt', not b.get('global', True))
        bucket_rows.append(f'\t{{ {ctext.string(b["name"])}, "{digest}", {b.get("limit", 0)}, {b.get("per_ms", 0)}, '
                           f'{str(bool(exempt)).lower()} }},')
    run = '\n'.join(_wrapper(r) for r in served) + '\nconst struct route routes[ROUTE_COUNT + 1] = {\n' + \
        '\n'.join(rows) + '\n};\n\nconst struct route_bucket route_buckets[BUCKET_COUNT] = {\n' + \
        '\n'.join(bucket_rows) + '\n};\n\nconst char *const oauth_scope_names[OAUTH_SCOPE_COUNT + 1] = {\n' + \
        ''.join(f'\t[{_scope_c(s)}] = "{s}",\n' for s in scopes(model)) + '};\n'
    run_includes = ['"model/routes.h"', '', '<stddef.h>', '']
    if served:
        run_includes += ['"api/req.h"']
    run_includes += ['"codec/enc.h"']
    return {
        'model/routes.h': header(model),
        'model/routes.c': ctext.source(['"model/routes.h"', '', '<stddef.h>', '', '"base/arena.h"', '"codec/dec.h"'], find)
        .replace('#include \n', '\n'),
        'model/routes_run.c': ctext.source(run_includes, run).replace('#include \n', '\n'),
    }
