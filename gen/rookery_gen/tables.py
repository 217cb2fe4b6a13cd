"""model/tables.h and .c: keys of stored rows."""
from . import ctext
from .schema import PART_TYPES, Model, Part, Table

ARGS = {'u8': 'uint8_t {}', 'u16': 'uint16_t {}', 'u32': 'uint32_t {}', 'u64': 'uint64_t {}',
        'bytes16': 'const uint8_t {}[16]', 'bytes32': 'const uint8_t {}[32]', 'str': 'struct str {}', 'bytes': 'struct str {}'}
RETS = {'u8': 'uint8_t *ret_{}', 'u16': 'uint16_t *ret_{}', 'u32': 'uint32_t *ret_{}', 'u64': 'uint64_t *ret_{}',
        'bytes16': 'const uint8_t **ret_{}', 'bytes32': 'const uint8_t **ret_{}', 'str': 'struct str *ret_{}',
        'bytes': 'struct str *ret_{}'}
STR_MAX = 160


def _length(parts: list) -> int:
    return sum(PART_TYPES[p.type] for p in parts)


def _args(parts: list) -> str:
    return ''.join(', ' + ARGS[p.type].format(p.name) for p in parts if p.constant is None)


def _put(p: Part) -> str:
    if p.type in ('str', 'bytes'):
        return f'\tput_str(&to, {p.name});'
    size = PART_TYPES[p.type]
    if p.type.startswith('bytes'):
        return f'\tput_bytes(&to, {p.name}, {size});'
    value = str(p.constant) if p.constant is not None else p.name
    if p.desc:
        value = f'({ARGS[p.type].format("").strip()})~{value}'
    return f'\tput_number(&to, {value}, {size});'


def _get(p: Part) -> list:
    name = 'ret_' + p.name
    if p.type in ('str', 'bytes'):
        return [f'\tif ({name})\n\t\t*{name} = at;']
    size = PART_TYPES[p.type]
    if p.type.startswith('bytes'):
        lines = [f'\tif ({name})\n\t\t*{name} = (const uint8_t *)at.ptr;']
    elif p.constant is not None:
        lines = [f'\tif (number_at(at, {size}) != {p.constant})\n\t\treturn false;']
    else:
        c_type = ARGS[p.type].format('').strip()
        lines = [f'\tif ({name})\n\t\t*{name} = ({c_type}){"~" if p.desc else ""}number_at(at, {size});']
    return lines + [f'\tat = str_skip(at, {size});']


def _prefixes(table: Table) -> list:
    """(C name, parts): constants that follow are taken along."""
    out, parts = [], list(table.partition)
    out.append((f'partition_{table.name}', list(parts)))
    rest = list(table.order)
    while rest and rest[0].constant is not None:
        parts.append(rest.pop(0))
    out.append((f'prefix_{table.name}', list(parts)))
    while len(rest) > 1:
        last = rest.pop(0)
        parts.append(last)
        while rest and rest[0].constant is not None:
            parts.append(rest.pop(0))
        out.append((f'prefix_{table.name}_{last.name.removesuffix("_id")}', list(parts)))
    return out


def _builder(name: str, table: Table, parts: list) -> str:
    used = '\n'.join(_put(p) for p in parts)
    return f'struct str {name}(struct key *key{_args(parts)})\n{{\n\tchar *to = begin(key, {table.byte});\n\n' + \
        (used + '\n' if used else '') + '\treturn end(key, to);\n}\n'


def _kind(table: Table):
    return table.order[0].constant if table.order and table.order[0].constant is not None else None


HEAD = '''/* Room for any key; the builders return a view of it. */
struct key {
	char data[KEY_MAX];
};

struct table_desc {
	const char *name, *family;
	uint8_t byte;          /* first of every key */
	uint8_t partition_len; /* with the table byte */
	bool has_kind;         /* the byte after the partition tells tables of one byte apart */
	uint8_t kind;
	const struct obj_desc *object; /* NULL: rows without a value */
};
'''

SOURCE = '''static char *begin(struct key *key, uint8_t byte)
{
	key->data[0] = (char)byte;
	return key->data + 1;
}

static struct str end(const struct key *key, const char *to)
{
	return (struct str){ key->data, (size_t)(to - key->data) };
}

__attribute__((unused)) static void put_number(char **to, uint64_t n, size_t size)
{
	n = __builtin_bswap64(n << (64 - 8 * size));
	memcpy(*to, &n, size);
	*to += size;
}

__attribute__((unused)) static void put_bytes(char **to, const uint8_t *bytes, size_t size)
{
	memcpy(*to, bytes, size);
	*to += size;
}

/* Longer text than a key takes comes from strangers who look something up; it must neither fail nor be taken for
 * another text, so its end gives way to a hash of the whole. */
__attribute__((unused)) static void put_str(char **to, struct str s)
{
	enum { HASH = 16 };
	struct str head = { s.ptr, s.len > KEY_STR_MAX ? (size_t)KEY_STR_MAX - HASH : s.len };

	if (head.len)
		memcpy(*to, head.ptr, head.len);
	*to += head.len;
	if (head.len == s.len)
		return;
	XXH128_canonical_t hash;
	XXH128_canonicalFromHash(&hash, XXH3_128bits(s.ptr, s.len));
	memcpy(*to, hash.digest, HASH);
	*to += HASH;
}

__attribute__((unused)) static uint64_t number_at(struct str at, size_t size)
{
	uint64_t n = 0;

	for (size_t i = 0; i < size; i++)
		n = n << 8 | (unsigned char)at.ptr[i];
	return n;
}

__attribute__((unused)) static bool begins(struct str key, uint8_t byte, size_t len, bool open_end)
{
	return (open_end ? key.len >= len : key.len == len) && (uint8_t)key.ptr[0] == byte;
}
'''


def files(model: Model) -> dict:
    tables = model.tables
    longest = max([_length(t.partition + t.order) for t in tables.values()], default=0)
    head = [f'enum {{ KEY_STR_MAX = {STR_MAX}, KEY_MAX = {(1 + longest + STR_MAX + 7) // 8 * 8} }};', HEAD]
    body, rows = [SOURCE], []
    kinds = [(t.name, _kind(t)) for t in tables.values() if _kind(t) is not None]
    if tables:
        head.append('enum table_id {\n' + '\n'.join(f'\tTABLE_{n},' for n in tables) + '\n\tTABLE_COUNT,\n};\n'
                    'extern const struct table_desc table_descs[TABLE_COUNT];')
    if kinds:
        head.append('/* What tells tables of one byte apart. */\nenum table_kind {\n' +
                    '\n'.join(f'\tKIND_{n} = {k},' for n, k in kinds) + '\n};')
    head.append('''/* The table that a key belongs to; NULL: none. Any core. */
const struct table_desc *table_find(struct str key);
/* Bytes of the partition of tables with this first byte, that byte included; 0: no such table. */
uint8_t table_partition_len(uint8_t byte);''')
    places = {}
    for table in tables.values():
        if _kind(table) is not None and table.order[0].type == 'u8':
            name = table.raw.get('family', 'row').removesuffix('s')
            at = 1 + _length(table.partition)
            if places.setdefault(name, at) == at:
                continue
            del places[name]
    for name, at in places.items():
        head.append(f'/* The kind of a row of the {name} tables, -1 when the key is too short. */\n'
                    f'int key_{name}_kind(struct str key);')
        body.append(f'int key_{name}_kind(struct str key)\n{{\n'
                    f'\treturn key.len > {at} ? (unsigned char)key.ptr[{at}] : -1;\n}}\n')
    for table in tables.values():
        parts = table.partition + table.order
        doc = ctext.comment(table.raw.get('doc', ''))
        builders = [(f'key_{table.name}', parts)] + _prefixes(table)
        lines = [f'struct str {name}(struct key *key{_args(p)});' for name, p in builders]
        parse = f'bool parse_{table.name}(struct str key' + \
            ''.join(', ' + RETS[p.type].format(p.name) for p in parts if p.constant is None) + ')'
        head.append(doc + '\n'.join(lines) + '\n' + parse + ';')
        body += [_builder(name, table, p) for name, p in builders]
        open_end = bool(parts) and PART_TYPES[parts[-1].type] == 0
        gets = '\n'.join(line for p in parts for line in _get(p))
        if open_end:
            gets = gets.rstrip()
        body.append(f'{parse}\n{{\n\tif (!begins(key, {table.byte}, {1 + _length(parts)}, {str(open_end).lower()}))\n'
                    '\t\treturn false;\n' + ('\tstruct str at = str_skip(key, 1);\n' + gets + '\n' if parts else '') +
                    ('\t(void)at;\n' if parts else '') + '\treturn true;\n}\n')
        kind = _kind(table)
        obj = f'&desc_{table.object.name}' if table.object else 'NULL'
        rows.append(f'\t[TABLE_{table.name}] = {{ "{table.name}", {ctext.string(table.raw.get("family", ""))}, '
                    f'{table.byte}, {1 + _length(table.partition)}, {str(kind is not None).lower()}, {kind or 0}, {obj} }},')
    if tables:
        body.append('const struct table_desc table_descs[TABLE_COUNT] = {\n' + '\n'.join(rows) + '\n};\n')
        body.append('''const struct table_desc *table_find(struct str key)
{
	for (size_t i = 0; key.len && i < TABLE_COUNT; i++) {
		const struct table_desc *table = &table_descs[i];

		if (table->byte != (uint8_t)key.ptr[0] || key.len < table->partition_len)
			continue;
		if (!table->has_kind)
			return table;
		if (key.len > table->partition_len && (uint8_t)key.ptr[table->partition_len] == table->kind)
			return table;
	}
	return NULL;
}

uint8_t table_partition_len(uint8_t byte)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (table_descs[i].byte == byte)
			return table_descs[i].partition_len;
	return 0;
}
''')
    else:
        body.append('''const struct table_desc *table_find(struct str key)
{
	(void)key;
	return NULL;
}

uint8_t table_partition_len(uint8_t byte)
{
	(void)byte;
	return 0;
}
''')
    return {
        'model/tables.h': ctext.header(
            'Keys of stored rows: table byte, partition, order; numbers big-endian, so that byte order is the order of a '
            'scan. key_X builds one, parse_X takes it apart (ret_ pointers may be NULL), partition_X is what all rows of '
            'its partition begin with, prefix_X what all rows of the table in a partition begin with, prefix_X_PART the '
            'same with leading parts of the order. Any core.', ['"base/str.h"', '"model/objects.h"'], '\n\n'.join(head)),
        'model/tables.c': ctext.source(['"model/tables.h"', '', '<stddef.h>', '<xxhash.h>'], '\n'.join(body))
        .replace('#include \n', '\n'),
    }
