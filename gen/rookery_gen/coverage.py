"""coverage.md: what of Discord's protocol is served, by group and tier."""
from .schema import Model

TIERS = 'ABC'


def _counts(items: list, done) -> list:
    """For each tier "served/all", and both sums."""
    cells, sums = [], [0, 0]
    for tier in TIERS:
        of = [i for i in items if (i.raw.get('tier') or 'C') == tier]
        served = sum(1 for i in of if done(i))
        sums = [sums[0] + served, sums[1] + len(of)]
        cells.append(f'{served}/{len(of)}' if of else '')
    return cells + [f'{sums[0]}/{sums[1]}']


def files(model: Model) -> dict:
    routes, events = list(model.routes.values()), list(model.events.values())
    out = ['# What is served', '',
           'Tier A: a chat server\'s main jobs and what common bots call. B: expected by serious bots, moderators or a full '
           'client. C: commerce, hosted activities, lobbies: not meant to be served. A route that is not served answers 404 '
           'and names itself.', '', '## Routes', '', '| group | A | B | C | all |', '|---|---|---|---|---|']
    groups = {}
    for route in routes:
        groups.setdefault(route.group, []).append(route)
    for group, items in sorted(groups.items()):
        out.append(f'| {group} | ' + ' | '.join(_counts(items, lambda r: r.served)) + ' |')
    out.append('| **all** | ' + ' | '.join(_counts(routes, lambda r: r.served)) + ' |')
    out += ['', '## Events', '', '| audience | A | B | C | all |', '|---|---|---|---|---|']
    for audience, label in (('both', 'bots and people'), ('user', 'people only')):
        items = [e for e in events if e.raw.get('audience', 'both') == audience]
        out.append(f'| {label} | ' + ' | '.join(_counts(items, lambda e: e.raw.get('sent'))) + ' |')
    out += ['', '## Each route', '']
    for group, items in sorted(groups.items()):
        out += [f'### {group}', '', '| | call | name | tier | who |', '|---|---|---|---|---|']
        for r in items:
            calls = [f'`{r.method} {r.path}`'] + [f'`{m} {p}`' for m, p in r.aliases]
            out.append(f'| {"yes" if r.served else ""} | {"<br>".join(calls)} | {r.name} | {r.tier} | {", ".join(r.auth)} |')
        out.append('')
    out += ['## Each event', '', '| | event | tier | who | intents |', '|---|---|---|---|---|']
    for e in events:
        intents = ', '.join(e.raw.get('intents', []) + e.raw.get('dm_intents', []))
        who = 'people' if e.raw.get('audience') == 'user' else 'all'
        out.append(f'| {"yes" if e.raw.get("sent") else ""} | {e.name} | {e.raw.get("tier", "")} | {who} | {intents} |')
    return {'coverage.md': '\n'.join(out) + '\n'}
