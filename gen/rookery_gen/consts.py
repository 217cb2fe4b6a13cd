"""model/errors, permissions, intents, limits, opcodes, closecodes: numbers with names."""
from . import ctext
from .schema import Model


def _enum(name: str, prefix: str, entries: dict, key: str) -> str:
    rows = []
    for entry_name, entry in entries.items():
        doc = ' ' + ctext.comment(entry['doc']).strip() if entry.get('doc') else ''
        rows.append(f'\t{prefix}{entry_name} = {entry[key]},{doc}')
    return f'enum {name} {{\n' + '\n'.join(rows) + '\n};\n'


def _doc(entry: dict) -> str:
    return ' ' + ctext.comment(entry['doc']).strip() if entry.get('doc') else ''


def errors(model: Model) -> dict:
    entries = model.sections['error']
    rows = []
    for name, e in sorted(entries.items(), key=lambda item: item[1]['code']):
        rows.append(f'\t{{ ERR_{name}, {e.get("wire", e["code"])}, {e["http"]}, {ctext.string(name)}, '
                    f'{ctext.string(e["message"])} }},')
    if not rows:
        rows.append('\t{ 0, 0, 500, "NONE", "" },')
    head = _enum('api_error', 'ERR_', entries, 'code') if entries else ''
    head += '''
struct error_desc {
	int code;     /* in C */
	int wire;     /* on the wire */
	uint16_t http; /* status */
	const char *name, *message;
};
enum { ERROR_COUNT = %d };
/* By code. */
extern const struct error_desc error_descs[ERROR_COUNT];
/* Never NULL: an unknown code is an internal error (500). Any core. */
const struct error_desc *error_find(int code);
''' % len(rows)
    body = f'const struct error_desc error_descs[ERROR_COUNT] = {{\n' + '\n'.join(rows) + '''
};

const struct error_desc *error_find(int code)
{
	static const struct error_desc unknown = { 0, 0, 500, "INTERNAL", "500: Internal Server Error" };
	size_t low = 0, high = ERROR_COUNT;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (error_descs[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ERROR_COUNT && error_descs[low].code == code ? &error_descs[low] : &unknown;
}
'''
    return {
        'model/errors.h': ctext.header('Outcomes that callers handle: Discord\'s JSON error codes, and some of our own.',
                                       ['<stdint.h>'], head),
        'model/errors.c': ctext.source(['"model/errors.h"', '', '<stddef.h>'], body).replace('#include \n', '\n'),
    }


def permissions(model: Model) -> dict:
    perms, sets = model.sections['permission'], model.sections['permission_set']
    rows = ['/* Macros, not an enum: enumerators would have different types, and ~ of the smaller ones surprises. */']
    for name, e in perms.items():
        rows.append(f'#define PERM_{name} (UINT64_C(1) << {e["bit"]}){_doc(e)}')
    rows.append('')
    for name, e in sets.items():
        rows.append(f'#define PERM_SET_{name} UINT64_C({e["value"]}){_doc(e)}')
    rows.append('''
struct perm_desc {
	const char *name;
	uint8_t bit;
	bool text, voice, stage; /* kinds of channels where an overwrite makes sense */
	bool mfa;                /* needs a second factor where the guild asks for it */
	bool timeout;            /* kept by a member who is timed out */
};
enum { PERM_COUNT = %d };
extern const struct perm_desc perm_descs[PERM_COUNT];
''' % max(len(perms), 1))
    table = []
    for name, e in perms.items():
        kinds = e.get('channels', [])
        flags = ['T' in kinds, 'V' in kinds, 'S' in kinds, e.get('mfa', False), e.get('timeout', False)]
        table.append(f'\t{{ "{name}", {e["bit"]}, {", ".join(str(f).lower() for f in flags)} }},')
    wrong = [name for name, e in sets.items() if 'of' in e and
             sum(1 << perms[p]['bit'] for p in e['of']) != e['value']]
    assert not wrong, f'permission sets that are not the sum of their bits: {wrong}'
    body = 'const struct perm_desc perm_descs[PERM_COUNT] = {\n' + '\n'.join(table or ['\t{ "", 0, 0, 0, 0, 0, 0 },']) + \
        '\n};\n'
    return {
        'model/permissions.h': ctext.header('Permission bits.', ['<stdbool.h>', '<stdint.h>'], '\n'.join(rows)),
        'model/permissions.c': ctext.source(['"model/permissions.h"'], body),
    }


def intents(model: Model) -> dict:
    entries, sets = model.sections['intent'], model.sections['intent_set']
    rows = [f'#define INTENT_{name} (UINT32_C(1) << {e["bit"]}){_doc(e)}' for name, e in entries.items()]
    rows.append('')
    rows += [f'#define INTENT_SET_{name} UINT32_C({e["value"]}){_doc(e)}' for name, e in sets.items()]
    privileged = [(name, e) for name, e in entries.items() if e.get('privileged')]
    rows.append('''
/* Intents that an application must have been given: by one of these bits of its flags. */
struct intent_privileged {
	uint32_t intent;
	uint64_t flags;
};
enum { INTENT_PRIVILEGED_COUNT = %d };
extern const struct intent_privileged intent_privileged[INTENT_PRIVILEGED_COUNT];
''' % max(len(privileged), 1))
    table = [f'\t{{ INTENT_{name}, {e.get("application_flags", 0)} }},' for name, e in privileged] or ['\t{ 0, 0 },']
    body = 'const struct intent_privileged intent_privileged[INTENT_PRIVILEGED_COUNT] = {\n' + '\n'.join(table) + '\n};\n'
    return {
        'model/intents.h': ctext.header('Gateway intents.', ['<stdint.h>'], '\n'.join(rows)),
        'model/intents.c': ctext.source(['"model/intents.h"'], body),
    }


def limits(model: Model) -> dict:
    entries = model.sections['limit']
    rows, table = [], []
    for name, e in entries.items():
        value = e['value']
        unit = f'{e["unit"]}' if e.get('unit') else ''
        doc = '; '.join(t for t in (unit, e.get('doc', '')) if t)
        text = str(value) if -(1 << 31) <= value < 1 << 31 else f'INT64_C({value})'
        rows.append(f'#define LIMIT_{name} {text}' + (' ' + ctext.comment(doc).strip() if doc else ''))
        table.append(f'\t{{ "{name}", {ctext.string(unit)}, {text} }},')
    rows.append('''
struct limit_desc {
	const char *name, *unit;
	int64_t value;
};
enum { LIMIT_DESC_COUNT = %d };
/* For reference pages and tests. */
extern const struct limit_desc limit_descs[LIMIT_DESC_COUNT];
''' % max(len(table), 1))
    body = 'const struct limit_desc limit_descs[LIMIT_DESC_COUNT] = {\n' + '\n'.join(table or ['\t{ "", "", 0 },']) + '\n};\n'
    return {
        'model/limits.h': ctext.header('Numbers that are rules.', ['<stdint.h>'], '\n'.join(rows)),
        'model/limits.c': ctext.source(['"model/limits.h"'], body),
    }


def _op_table(name: str, prefix: str, entries: dict) -> str:
    rows = []
    for entry_name, e in entries.items():
        flags = ', '.join(str(bool(e.get(k))).lower() for k in ('send', 'receive', 'people', 'early', 'dead'))
        obj = f'&desc_{e["object"]}' if 'object' in e else 'NULL'
        rows.append(f'\t[{prefix}{entry_name}] = {{ "{entry_name}", {flags}, {obj} }},')
    count = max((e['code'] for e in entries.values()), default=0) + 1
    return f'const struct op_desc {name}[{count}] = {{\n' + '\n'.join(rows) + '\n};\n'


def opcodes(model: Model) -> dict:
    gateway, voice = model.sections['opcode'], model.sections['voice_opcode']
    top = max((e['code'] for e in gateway.values()), default=0) + 1
    voice_top = max((e['code'] for e in voice.values()), default=0) + 1
    head = ''
    for name, prefix, entries in (('gateway_op', 'GATEWAY_OP_', gateway), ('voice_op', 'VOICE_OP_', voice)):
        if entries:
            head += _enum(name, prefix, entries, 'code') + '\n'
    head += '''struct op_desc {
	const char *name; /* NULL: no such opcode */
	bool send;    /* by clients */
	bool receive; /* by clients */
	bool people;  /* not for bots */
	bool early;   /* allowed before IDENTIFY */
	bool dead;    /* once had a meaning; ignored */
	const struct obj_desc *object; /* what d is decoded as; NULL: by hand */
};
enum { GATEWAY_OP_COUNT = %d, VOICE_OP_COUNT = %d };
extern const struct op_desc gateway_ops[GATEWAY_OP_COUNT];
extern const struct op_desc voice_ops[VOICE_OP_COUNT];
''' % (top, voice_top)
    body = _op_table('gateway_ops', 'GATEWAY_OP_', gateway) + '\n' + _op_table('voice_ops', 'VOICE_OP_', voice)
    return {
        'model/opcodes.h': ctext.header('Opcodes of the gateway and of the voice gateway.',
                                        ['"model/objects.h"'], head),
        'model/opcodes.c': ctext.source(['"model/opcodes.h"', '', '<stddef.h>'], body).replace('#include \n', '\n'),
    }


def _close_table(name: str, prefix: str, entries: dict) -> str:
    rows = []
    for entry_name, e in sorted(entries.items(), key=lambda item: item[1]['code']):
        flags = ', '.join(str(bool(e.get(k))).lower() for k in ('may_resume', 'may_reconnect'))
        rows.append(f'\t{{ {prefix}{entry_name}, {flags}, {ctext.string(e.get("text", ""))} }},')
    return f'static const struct close_desc {name}[] = {{\n' + '\n'.join(rows or ['\t{ 0, false, false, "" },']) + '\n};\n'


def closecodes(model: Model) -> dict:
    gateway, voice = model.sections['closecode'], model.sections['voice_closecode']
    head = ''
    for name, prefix, entries in (('close_code', 'CLOSE_', gateway), ('voice_close_code', 'VOICE_CLOSE_', voice)):
        if entries:
            head += _enum(name, prefix, entries, 'code') + '\n'
    head += '''struct close_desc {
	uint16_t code;
	bool may_resume;    /* the session is kept */
	bool may_reconnect; /* clients may come back at all */
	const char *text;
};
/* NULL for a code that is not in the schema. Any core. */
const struct close_desc *close_find(int code);
const struct close_desc *voice_close_find(int code);
'''
    body = _close_table('gateway_closes', 'CLOSE_', gateway) + '\n' + \
        _close_table('voice_closes', 'VOICE_CLOSE_', voice) + '''
static const struct close_desc *find(const struct close_desc *table, size_t count, int code)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

const struct close_desc *close_find(int code)
{
	return find(gateway_closes, sizeof(gateway_closes) / sizeof(gateway_closes[0]), code);
}

const struct close_desc *voice_close_find(int code)
{
	return find(voice_closes, sizeof(voice_closes) / sizeof(voice_closes[0]), code);
}
'''
    return {
        'model/closecodes.h': ctext.header('WebSocket close codes.', ['<stdbool.h>', '<stdint.h>'], head),
        'model/closecodes.c': ctext.source(['"model/closecodes.h"', '', '<stddef.h>'], body).replace('#include \n', '\n'),
    }


def files(model: Model) -> dict:
    out = {}
    for make in (errors, permissions, intents, limits, opcodes, closecodes):
        out.update(make(model))
    return out
