"""model/events.h and .c: the dispatch events."""
from . import ctext
from .schema import Model

SCOPES = ['guild', 'guild_obf', 'channel', 'user', 'session', 'application', 'call', 'lobby', 'dm']


def files(model: Model) -> dict:
    events = model.events
    scopes = SCOPES + sorted({e.raw.get('scope', 'session') for e in events.values()} - set(SCOPES))
    head = 'struct enc;\nstruct obj_desc;\n\nenum event_type {\n' + \
        '\n'.join(f'\tEVENT_{name},' + (' ' + ctext.comment(e.raw['doc']).strip() if e.raw.get('doc') else '')
                  for name, e in events.items()) + '\n\tEVENT_COUNT,\n};\n\n'
    head += '/* Who may see it. */\nenum event_scope {\n' + '\n'.join(f'\tEVENT_SCOPE_{s.upper()},' for s in scopes) + '''
};

struct event_desc {
	const char *name;
	uint32_t intents, dm_intents; /* one of them lets it through to a bot; 0: always */
	enum event_scope scope;
	char tier;
	bool people_only; /* not for bots */
	bool sent;        /* by this version */
	void (*enc)(struct enc *enc, const void *obj);      /* NULL: written by hand */
	void (*enc_bare)(struct enc *enc, const void *obj); /* without what needs MESSAGE_CONTENT; NULL: no difference */
	const struct obj_desc *object;
};
'''
    if events:
        head += 'extern const struct event_desc event_descs[EVENT_COUNT];\n'
    wrappers, rows, seen = [], [], set()

    def encoder(what):
        if not what:
            return 'NULL'
        if what.name not in seen:
            seen.add(what.name)
            wrappers.append(f'static void any_{what.name}(struct enc *enc, const void *obj)\n{{\n'
                            f'\tenc_{what.name}(enc, obj);\n}}\n')
        return f'any_{what.name}'

    for name, e in events.items():
        bits = [' | '.join(f'INTENT_{i}' for i in e.raw.get(key, [])) or '0' for key in ('intents', 'dm_intents')]
        bare = model.find(e.raw['bare']) if 'bare' in e.raw else None
        flags = [e.raw.get('audience') == 'user', e.raw.get('sent', False)]
        tier = e.raw.get('tier') or 'C'
        rows.append(f'\t[EVENT_{name}] = {{ "{name}", {bits[0]}, {bits[1]}, '
                    f'EVENT_SCOPE_{e.raw.get("scope", "session").upper()}, \'{tier}\', '
                    f'{", ".join(str(f).lower() for f in flags)},\n\t\t{encoder(e.object)}, {encoder(bare)}, '
                    f'{"&desc_" + e.object.name if e.object else "NULL"} }},')
    body = '\n'.join(wrappers)
    if events:
        body += '\nconst struct event_desc event_descs[EVENT_COUNT] = {\n' + '\n'.join(rows) + '\n};\n'
    return {
        'model/events.h': ctext.header('Dispatch events of the gateway.', ['<stdbool.h>', '<stdint.h>'], head),
        'model/events.c': ctext.source(['"model/events.h"', '', '"model/intents.h"', '"model/objects.h"'], body)
        .replace('#include \n', '\n'),
    }
