// Roles: create, edit, reorder, delete, give and take; who may.
import { PermissionFlagsBits } from 'discord.js';

import { assert, equal, same } from '../lib/suite.js';
import { UNKNOWN, rejects, tag } from '../lib/world.js';

const list = async (w) => (await w.ann.get(`/guilds/${w.guildId}/roles`)).ok(200);
const read = async (w, id) => (await w.ann.get(`/guilds/${w.guildId}/roles/${id}`)).ok(200);
const rank = (a, b) => a.position - b.position || (BigInt(a.id) < BigInt(b.id) ? -1 : 1);

export default function (step) {
	step('GUILD_ROLE_CREATE with all it was given', async (w) => {
		const name = `role ${tag()}`;
		const made = await w.ga.roles.create({ name, colors: { primaryColor: 0x336699 }, hoist: true, mentionable: true,
			permissions: [PermissionFlagsBits.KickMembers, PermissionFlagsBits.ViewChannel], reason: 'order' });
		const [seen] = await w.b.sees('roleCreate', (r) => r.id === made.id);
		equal([seen.name, seen.colors.primaryColor, seen.hoist, seen.mentionable, seen.permissions.bitfield.toString()],
			[name, 0x336699, true, true, '1026']);
		const raw = await read(w, made.id);
		equal([raw.name, raw.color, raw.colors.primary_color, raw.permissions, raw.managed, raw.flags],
			[name, 0x336699, 0x336699, '1026', false, 0]);
		const plain = (await w.a.rest.post(`/guilds/${w.guildId}/roles`, {})).ok(200);
		equal([plain.name, plain.color, plain.hoist], ['new role', 0, false], 'defaults');
		equal(plain.permissions, (await read(w, w.guildId)).permissions, 'permissions are those of @everyone');
	});

	step('GUILD_ROLE_UPDATE', async (w) => {
		const role = await w.role();
		const name = `edited ${tag()}`;
		await role.a.edit({ name, colors: { primaryColor: 1 }, hoist: true, permissions: [PermissionFlagsBits.BanMembers],
			reason: 'change' });
		const [before, after] = await w.b.sees('roleUpdate', (_, r) => r.id === role.id && r.name === name);
		equal(before.name, role.name);
		equal([after.hoist, after.permissions.bitfield.toString()], [true, '4']);
		equal([(await read(w, role.id)).name, (await read(w, role.id)).permissions], [name, '4']);
		await rejects(role.a.edit({ name: 'x'.repeat(101) }), 400, 50035, 'name');
		(await w.a.rest.patch(`/guilds/${w.guildId}/roles/${UNKNOWN}`, { name: 'x' })).refused(404, 10011);
		(await (await w.member()).patch(`/guilds/${w.guildId}/roles/${role.id}`, { name: 'bobs' })).refused(403, 50013);
	});

	step('roles are put in another order', async (w) => {
		const [one, two] = [await w.role(), await w.role()];
		const before = (await list(w)).sort(rank);
		const at = (roles, id) => roles.findIndex((r) => r.id === id);
		const [low, high] = at(before, one.id) < at(before, two.id) ? [one, two] : [two, one];
		await low.a.setPosition(before[at(before, high.id)].position);
		await w.b.sees('roleUpdate', (_, r) => r.id === low.id || r.id === high.id);
		const after = (await list(w)).sort(rank);
		assert(at(after, low.id) > at(after, high.id), `order is ${after.map((r) => `${r.position}:${r.id}`)}`);
		equal(after[0].id, w.guildId, '@everyone is lowest');
		equal(new Set(after.map((r) => r.position)).size, after.length, 'positions differ');
		const bob = await w.member();
		(await bob.patch(`/guilds/${w.guildId}/roles`, [{ id: one.id, position: 1 }])).refused(403, 50013);
		(await w.a.rest.patch(`/guilds/${w.guildId}/roles`, [{ id: UNKNOWN, position: 1 }])).refusedAs([404, 10011], [400, 50035]);
		const answer = (await w.ann.patch(`/guilds/${w.guildId}/roles`, [{ id: one.id, position: 1 }])).ok(200);
		equal(answer.length, after.length, 'the answer lists all');
	});

	step('GUILD_ROLE_DELETE takes it from members and overwrites', async (w) => {
		const bob = await w.member();
		const role = await w.role();
		const channel = await w.channel({ permission_overwrites: [{ id: role.id, type: 0, deny: '64' }] });
		(await w.ann.put(`/guilds/${w.guildId}/members/${bob.id}/roles/${role.id}`)).ok(204);
		await role.a.delete('not needed');
		await w.b.sees('roleDelete', (r) => r.id === role.id);
		assert(!(await list(w)).some((r) => r.id === role.id), 'still listed');
		(await w.ann.get(`/guilds/${w.guildId}/roles/${role.id}`)).refused(404, 10011);
		equal((await w.ann.get(`/guilds/${w.guildId}/members/${bob.id}`)).ok(200).roles, [], 'of the member');
		equal((await w.ann.get(`/channels/${channel.id}`)).ok(200).permission_overwrites, [], 'overwrite');
		(await w.a.rest.delete(`/guilds/${w.guildId}/roles/${role.id}`)).refused(404, 10011);
		(await w.ann.delete(`/guilds/${w.guildId}/roles/${w.guildId}`)).refusedAs([400, 50028], [403, 50013]);
		const managed = w.ga.members.me.roles.botRole;
		(await w.ann.delete(`/guilds/${w.guildId}/roles/${managed.id}`)).refusedAs([400, 50028], [403, 50013]);
	});

	step('a role is given and taken, one at a time', async (w) => {
		const bob = await w.member();
		const role = await w.role();
		await w.gb.members.fetch(bob.id);
		await w.ga.members.addRole({ user: bob.id, role: role.id, reason: 'earned' });
		await w.b.sees('guildMemberUpdate', (_, m) => m.id === bob.id && m.roles.cache.has(role.id));
		equal((await w.ann.get(`/guilds/${w.guildId}/members/${bob.id}`)).ok(200).roles, [role.id]);
		await w.ga.members.removeRole({ user: bob.id, role: role.id });
		await w.b.sees('guildMemberUpdate', (_, m) => m.id === bob.id && !m.roles.cache.has(role.id));
		const path = `/guilds/${w.guildId}/members/${bob.id}/roles`;
		(await bob.put(`${path}/${role.id}`)).refused(403, 50013);
		(await w.a.rest.put(`${path}/${UNKNOWN}`)).refused(404, 10011);
		(await w.a.rest.put(`/guilds/${w.guildId}/members/${UNKNOWN}/roles/${role.id}`)).refused(404, 10007);
		const managed = w.ga.members.me.roles.botRole;
		(await w.ann.put(`${path}/${managed.id}`)).refusedAs([403, 50013], [400, 50028]);
	});

	step('rank: nobody touches what stands above them, or grants what they lack', async (w) => {
		const bob = await w.member();
		const [high, own] = [await w.role(), await w.role({ permissions: String(1 << 28 | 1 << 10) })];
		const roles = (await list(w)).sort(rank);
		if (roles.findIndex((r) => r.id === high.id) < roles.findIndex((r) => r.id === own.id))
			(await w.ann.patch(`/guilds/${w.guildId}/roles`, [
				{ id: high.id, position: roles.find((r) => r.id === own.id).position }])).ok(200);
		(await w.ann.put(`/guilds/${w.guildId}/members/${bob.id}/roles/${own.id}`)).ok(204);
		const path = `/guilds/${w.guildId}/roles`;
		(await bob.patch(`${path}/${high.id}`, { name: 'taken over' })).refused(403, 50013);
		(await bob.patch(`${path}/${own.id}`, { name: 'my own' })).refused(403, 50013);
		(await bob.delete(`${path}/${high.id}`)).refused(403, 50013);
		(await bob.put(`/guilds/${w.guildId}/members/${bob.id}/roles/${high.id}`)).refused(403, 50013);
		(await bob.post(path, { name: 'king', permissions: '8' })).refused(403, 50013);
		const made = (await bob.post(path, { name: 'harmless', permissions: '1024' })).ok(200);
		(await bob.delete(`${path}/${made.id}`)).ok(204);
		(await w.ann.delete(`/guilds/${w.guildId}/members/${bob.id}/roles/${own.id}`)).ok(204);
	});

	step('roles are listed alike by REST and by the gateway', async (w) => {
		const raw = await list(w);
		same(raw.map((r) => r.id), w.gb.roles.cache.map((r) => r.id), 'roles');
		for (const role of raw)
			for (const key of ['colors', 'flags', 'icon', 'unicode_emoji', 'managed', 'permissions', 'position'])
				assert(key in role, `${role.name} lacks ${key}`);
		(await w.a.rest.get(`/guilds/${w.guildId}/roles/${UNKNOWN}`)).refused(404, 10011);
		const bob = await w.member();
		(await bob.get(`/guilds/${w.guildId}/roles`)).ok(200);
		(await bob.post(`/guilds/${w.guildId}/roles`, { name: 'bobs' })).refused(403, 50013);
		(await w.a.rest.post(`/guilds/${w.guildId}/roles`, { permissions: 'all' })).refused(400, 50035, 'permissions');
		(await w.a.rest.post(`/guilds/${w.guildId}/roles`, { color: 0x1000000 })).refused(400, 50035, 'color');
	});
}
