// Permission overwrites of a channel.
import { OverwriteType } from 'discord.js';

import { assert, equal } from '../lib/suite.js';
import { UNKNOWN } from '../lib/world.js';

const overwrites = async (w, id) => (await w.ann.get(`/channels/${id}`)).ok(200).permission_overwrites;

export default function (step) {
	step('an overwrite for a role is created, edited and deleted', async (w) => {
		const [channel, role] = [await w.channel(), await w.role()];
		await channel.a.permissionOverwrites.create(role.id, { SendMessages: false, ViewChannel: true }, { reason: 'quiet' });
		await w.a.sees('channelUpdate', (_, c) => c.id === channel.id && c.permissionOverwrites.cache.has(role.id)); // what it edits below
		const [, seen] = await w.b.sees('channelUpdate', (_, c) => c.id === channel.id && c.permissionOverwrites.cache.has(role.id));
		equal(seen.permissionOverwrites.cache.get(role.id).type, OverwriteType.Role);
		equal(await overwrites(w, channel.id), [{ id: role.id, type: 0, allow: '1024', deny: '2048' }]);
		await channel.a.permissionOverwrites.edit(role.id, { SendMessages: null, AddReactions: true });
		await w.b.sees('channelUpdate', (_, c) => c.id === channel.id &&
			c.permissionOverwrites.cache.get(role.id)?.allow.has('AddReactions'));
		equal(await overwrites(w, channel.id), [{ id: role.id, type: 0, allow: '1088', deny: '0' }]);
		await channel.a.permissionOverwrites.delete(role.id, 'loud again');
		await w.b.sees('channelUpdate', (_, c) => c.id === channel.id && !c.permissionOverwrites.cache.has(role.id));
		equal(await overwrites(w, channel.id), []);
	});

	step('an overwrite for a member decides over roles', async (w) => {
		const bob = await w.member();
		const channel = await w.channel({ permission_overwrites: [{ id: w.guildId, type: 0, deny: '2048' }] });
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'x' })).refused(403, 50013);
		await channel.a.permissionOverwrites.create(bob.id, { SendMessages: true }, { type: OverwriteType.Member });
		const [, seen] = await w.b.sees('channelUpdate', (_, c) => c.id === channel.id && c.permissionOverwrites.cache.has(bob.id));
		equal(seen.permissionOverwrites.cache.get(bob.id).type, OverwriteType.Member);
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'heard' })).ok(200);
		await w.b.sees('messageCreate', (m) => m.channelId === channel.id && m.content === 'heard');
	});

	step('one role that allows beats one that denies', async (w) => {
		const bob = await w.member();
		const [no, yes] = [await w.role(), await w.role()];
		const channel = await w.channel({ permission_overwrites: [
			{ id: no.id, type: 0, deny: '2048' }, { id: yes.id, type: 0, allow: '2048' }] });
		(await w.ann.put(`/guilds/${w.guildId}/members/${bob.id}/roles/${no.id}`)).ok(204);
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'x' })).refused(403, 50013);
		(await w.ann.put(`/guilds/${w.guildId}/members/${bob.id}/roles/${yes.id}`)).ok(204);
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'x' })).ok(200);
		for (const role of [no, yes])
			(await w.ann.delete(`/guilds/${w.guildId}/members/${bob.id}/roles/${role.id}`)).ok(204);
	});

	step('overwrites are refused to who lacks MANAGE_ROLES, with bad bodies and unknown channels', async (w) => {
		const bob = await w.member();
		const channel = await w.channel();
		const path = `/channels/${channel.id}/permissions/${w.guildId}`;
		(await bob.put(path, { type: 0, allow: '2048' })).refused(403, 50013);
		(await bob.delete(path)).refused(403, 50013);
		(await w.a.rest.put(path, { allow: '1' })).refused(400, 50035, 'type', 'BASE_TYPE_REQUIRED');
		(await w.a.rest.put(path, { type: 7, allow: '1' })).refused(400, 50035, 'type');
		(await w.a.rest.put(path, { type: 0, allow: 'lots' })).refused(400, 50035, 'allow');
		(await w.a.rest.put(`/channels/${UNKNOWN}/permissions/${w.guildId}`, { type: 0 })).refused(404, 10003);
		(await w.a.rest.delete(`/channels/${channel.id}/permissions/${UNKNOWN}`)).refused(404, 10009);
	});

	step('who manages roles in a channel gives only what they hold', async (w) => {
		const bob = await w.member();
		const role = await w.role({ permissions: String(1 << 28) });
		const channel = await w.channel();
		(await w.ann.put(`/guilds/${w.guildId}/members/${bob.id}/roles/${role.id}`)).ok(204);
		const path = `/channels/${channel.id}/permissions/${w.guildId}`;
		(await bob.put(path, { type: 0, allow: '4', deny: '0' })).refused(403, 50013);
		(await bob.put(path, { type: 0, allow: '64', deny: '0' })).ok(204);
		await w.b.sees('channelUpdate', (_, c) => c.id === channel.id);
		assert((await overwrites(w, channel.id)).some((o) => o.id === w.guildId && o.allow === '64'), 'not stored');
		(await w.ann.delete(`/guilds/${w.guildId}/members/${bob.id}/roles/${role.id}`)).ok(204);
	});
}
