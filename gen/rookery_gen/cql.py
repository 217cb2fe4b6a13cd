"""cql.cql: the tables for a CQL store. One for each table byte: rows of one partition may be written in one batch
whatever their kind, so they must lie in one CQL table; the rest of the key is one blob, in the same order of bytes."""
from .schema import Model

TYPES = {'u8': 'smallint', 'u16': 'int', 'u32': 'bigint', 'u64': 'bigint'}


def files(model: Model) -> dict:
    by_byte = {}
    for table in model.tables.values():
        by_byte.setdefault(table.byte, []).append(table)
    families = [tables[0].raw.get('family', '') for tables in by_byte.values()]
    out = ['-- Made by gen/generate.py from schema/. Do not edit.',
           '-- k: the key behind the partition; v: the value with its header. Writes carry USING TIMESTAMP, the row\'s version.']
    for byte, tables in sorted(by_byte.items()):
        family = tables[0].raw.get('family') or 'rows'
        name = family if families.count(family) == 1 else f'{family}_{byte}'
        columns = [(p.name, TYPES[p.type]) for p in tables[0].partition] or [('zero', 'smallint')]
        out.append(f'\n-- {", ".join(t.name for t in tables)}')
        out.append(f'CREATE TABLE IF NOT EXISTS {name} (')
        out += [f'\t{column} {type_},' for column, type_ in columns]
        out.append('\tk blob,\n\tv blob,')
        out.append(f'\tPRIMARY KEY (({", ".join(c for c, _ in columns)}), k)\n);')
    return {'cql.cql': '\n'.join(out) + '\n'}
