// Members: read, edit, time out, prune, kick; joining is in invites.js.
import { assert, equal, same } from '../lib/suite.js';
import { UNKNOWN, rejects, tag } from '../lib/world.js';

const read = async (w, id) => (await w.ann.get(`/guilds/${w.guildId}/members/${id}`)).ok(200);

export default function (step) {
	step('members are fetched one by one, as a list and by name', async (w) => {
		const bob = await w.member();
		const one = await w.ga.members.fetch({ user: bob.id, force: true });
		equal(one.user.username, bob.username);
		const raw = await read(w, bob.id);
		equal([raw.user.id, raw.nick, raw.roles, raw.deaf, raw.mute, raw.pending, raw.communication_disabled_until],
			[bob.id, null, [], false, false, false, null]);
		assert(Date.parse(raw.joined_at), 'joined_at');
		const list = (await w.a.rest.get(`/guilds/${w.guildId}/members`, { query: { limit: 1000 } })).ok(200);
		for (const id of [w.ann.id, bob.id, w.a.id, w.b.id])
			assert(list.some((m) => m.user.id === id), `${id} is missing from the list`);
		equal((await w.a.rest.get(`/guilds/${w.guildId}/members`)).ok(200).length, 1, 'default limit');
		const ids = list.map((m) => m.user.id);
		equal(ids, [...ids].sort(), 'order');
		const rest = (await w.a.rest.get(`/guilds/${w.guildId}/members`, { query: { limit: 1000, after: ids[0] } })).ok(200);
		equal(rest.map((m) => m.user.id), ids.slice(1), 'after');
		const found = await w.ga.members.search({ query: bob.username.slice(0, 8), limit: 10 });
		assert(found.has(bob.id), 'not found by name');
		same((await w.ga.members.list({ limit: 1000 })).keys(), ids, 'through the library');
	});

	step('members are refused: unknown user, unknown guild, bad queries, outsiders', async (w) => {
		(await w.a.rest.get(`/guilds/${w.guildId}/members/${UNKNOWN}`)).refused(404, 10007);
		(await w.a.rest.get(`/guilds/${UNKNOWN}/members/${w.a.id}`)).refused(404, 10004);
		(await w.a.rest.get(`/guilds/${w.guildId}/members`, { query: { limit: 1001 } })).refused(400, 50035, 'limit');
		(await w.a.rest.get(`/guilds/${w.guildId}/members/search`)).refused(400, 50035, 'query', 'BASE_TYPE_REQUIRED');
		const cid = await w.register('cid');
		(await cid.get(`/guilds/${w.guildId}/members/${w.a.id}`)).refused(404, 10004);
	});

	step('nicknames: another\'s and one\'s own', async (w) => {
		const bob = await w.member();
		await w.gb.members.fetch(bob.id);
		await w.ga.members.edit(bob.id, { nick: 'Bobby', reason: 'friendlier' });
		const [, seen] = await w.b.sees('guildMemberUpdate', (_, m) => m.id === bob.id && m.nickname === 'Bobby');
		equal(seen.displayName, 'Bobby');
		equal((await read(w, bob.id)).nick, 'Bobby');
		await w.ga.members.editMe({ nick: 'Automaton' });
		await w.b.sees('guildMemberUpdate', (_, m) => m.id === w.a.id && m.nickname === 'Automaton');
		await w.ga.members.editMe({ nick: null });
		equal((await read(w, w.a.id)).nick, null);
		(await w.a.rest.patch(`/guilds/${w.guildId}/members/@me/nick`, { nick: 'old way' })).ok(200);
		equal((await read(w, w.a.id)).nick, 'old way');
		(await bob.patch(`/guilds/${w.guildId}/members/@me`, { nick: 'by myself' })).ok(200);
		await w.b.sees('guildMemberUpdate', (_, m) => m.id === bob.id && m.nickname === 'by myself');
		(await bob.patch(`/guilds/${w.guildId}/members/${w.a.id}`, { nick: 'tin can' })).refused(403, 50013);
		(await w.a.rest.patch(`/guilds/${w.guildId}/members/${bob.id}`, { nick: 'x'.repeat(33) }))
			.refused(400, 50035, 'nick', 'BASE_TYPE_BAD_LENGTH');
		(await w.a.rest.patch(`/guilds/${w.guildId}/members/${w.ann.id}`, { nick: 'boss' })).refused(403, 50013);
		await w.ga.members.edit(bob.id, { nick: null });
	});

	step('a member timed out may read but not speak, until it ends', async (w) => {
		const bob = await w.member();
		const channel = await w.channel();
		const member = await w.ga.members.fetch(bob.id);
		await w.gb.members.fetch(bob.id);
		await member.timeout(60_000, 'cool down');
		const [, seen] = await w.b.sees('guildMemberUpdate', (_, m) => m.id === bob.id && m.isCommunicationDisabled());
		assert(seen.communicationDisabledUntilTimestamp > Date.now(), 'until when');
		assert((await read(w, bob.id)).communication_disabled_until, 'in REST');
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'x' })).refused(403, 50013);
		(await bob.get(`/channels/${channel.id}/messages`)).ok(200);
		await member.timeout(null);
		await w.b.sees('guildMemberUpdate', (_, m) => m.id === bob.id && !m.isCommunicationDisabled());
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'again' })).ok(200);
		(await w.a.rest.patch(`/guilds/${w.guildId}/members/${bob.id}`, {
			communication_disabled_until: new Date(Date.now() + 29 * 86400e3).toISOString() }))
			.refused(400, 50035, 'communication_disabled_until');
		(await bob.patch(`/guilds/${w.guildId}/members/${w.a.id}`, {
			communication_disabled_until: new Date(Date.now() + 60e3).toISOString() })).refused(403, 50013);
	});

	step('a whole set of roles is given at once', async (w) => {
		const bob = await w.member();
		const [one, two] = [await w.role(), await w.role()];
		await w.gb.members.fetch(bob.id);
		await w.ga.members.edit(bob.id, { roles: [one.id, two.id] });
		await w.b.sees('guildMemberUpdate', (_, m) => m.id === bob.id && m.roles.cache.has(one.id) && m.roles.cache.has(two.id));
		same((await read(w, bob.id)).roles, [one.id, two.id], 'roles');
		await w.ga.members.edit(bob.id, { roles: [] });
		equal((await read(w, bob.id)).roles, []);
		(await w.a.rest.patch(`/guilds/${w.guildId}/members/${bob.id}`, { roles: [UNKNOWN] })).refused(400, 50035);
		(await w.a.rest.patch(`/guilds/${w.guildId}/members/${UNKNOWN}`, { roles: [] })).refused(404, 10007);
	});

	step('prune: counts, keeps the active, is refused to who may not', async (w) => {
		const bob = await w.member();
		const dry = await w.ga.members.prune({ days: 7, dry: true });
		assert(Number.isInteger(dry), `pruned ${dry}`);
		equal(await w.ga.members.prune({ days: 7, reason: 'spring cleaning' }), dry, 'pruned');
		(await w.a.rest.get(`/guilds/${w.guildId}/members/${bob.id}`)).ok(200);
		equal((await w.a.rest.post(`/guilds/${w.guildId}/prune`, { days: 30, compute_prune_count: false })).ok(200).pruned, null);
		(await bob.get(`/guilds/${w.guildId}/prune`)).refused(403, 50013);
		(await bob.post(`/guilds/${w.guildId}/prune`, {})).refused(403, 50013);
		(await w.a.rest.post(`/guilds/${w.guildId}/prune`, { days: 0 })).refused(400, 50035, 'days');
		(await w.a.rest.get(`/guilds/${w.guildId}/prune`, { query: { days: 31 } })).refused(400, 50035, 'days');
	});

	step('a kick: GUILD_MEMBER_REMOVE, and they may come back', async (w) => {
		const dan = await w.member(`dan${tag()}`);
		await w.gb.members.fetch(dan.id);
		const bob = await w.member();
		(await bob.delete(`/guilds/${w.guildId}/members/${dan.id}`)).refused(403, 50013);
		(await w.a.rest.delete(`/guilds/${w.guildId}/members/${w.ann.id}`)).refused(403, 50013);
		await rejects(w.ga.members.kick(UNKNOWN), 404, 10007);
		await w.ga.members.kick(dan.id, 'enough');
		await w.b.sees('guildMemberRemove', (m) => m.id === dan.id);
		(await w.ann.get(`/guilds/${w.guildId}/members/${dan.id}`)).refused(404, 10007);
		(await dan.get(`/guilds/${w.guildId}`)).refused(404, 10004);
		await w.join(dan);
		await w.b.sees('guildMemberAdd', (m) => m.id === dan.id);
		(await dan.get(`/guilds/${w.guildId}`)).ok(200);
	});

	step('leaving by oneself', async (w) => {
		const eve = await w.member(`eve${tag()}`);
		await w.gb.members.fetch(eve.id);
		(await eve.delete(`/users/@me/guilds/${w.guildId}`)).ok(204);
		await w.b.sees('guildMemberRemove', (m) => m.id === eve.id);
		assert(!(await eve.get('/users/@me/guilds')).ok(200).some((g) => g.id === w.guildId), 'still listed');
		(await w.ann.get(`/guilds/${w.guildId}/members/${eve.id}`)).refused(404, 10007);
	});

	step('requestGuildMembers: all, by query, by ids', async (w) => {
		const bob = await w.member();
		const all = await w.ga.members.fetch();
		for (const id of [w.ann.id, bob.id, w.a.id, w.b.id])
			assert(all.has(id), `${id} is missing`);
		equal(all.size, (await w.ann.get(`/guilds/${w.guildId}`, { query: { with_counts: 'true' } })).ok(200)
			.approximate_member_count, 'members');
		const found = await w.gb.members.fetch({ query: bob.username.slice(0, 6), limit: 5 });
		assert(found.has(bob.id), 'not found by query');
		const some = await w.gb.members.fetch({ user: [bob.id, w.ann.id, UNKNOWN] });
		same(some.keys(), [bob.id, w.ann.id], 'by ids');
		const [, , chunk] = await w.b.sees('guildMembersChunk', (_, __, c) => c.notFound.length > 0);
		equal(chunk.notFound, [UNKNOWN]);
		equal([chunk.index, chunk.count], [0, 1], 'chunks');
	});
}
