// The audit log: every act leaves an entry that the library can read, with its reason.
import { AuditLogEvent } from 'discord.js';

import { assert, equal } from '../lib/suite.js';
import { tag } from '../lib/world.js';

export default function (step) {
	step('a reason is kept, and GUILD_AUDIT_LOG_ENTRY_CREATE comes', async (w) => {
		const reason = `because ${tag()} äöü 👋`;
		const name = `logged ${tag()}`;
		const role = await w.ga.roles.create({ name, reason });
		const [entry] = await w.b.sees('guildAuditLogEntryCreate', (e) => e.targetId === role.id);
		equal([entry.action, entry.executorId, entry.reason], [AuditLogEvent.RoleCreate, w.a.id, reason]);
		equal(entry.changes.find((c) => c.key === 'name')?.new, name, 'change of name');
		const logs = await w.gb.fetchAuditLogs({ type: AuditLogEvent.RoleCreate, limit: 5 });
		const found = logs.entries.find((e) => e.targetId === role.id);
		equal([found?.reason, found?.executor?.id, found?.actionType, found?.targetType], [reason, w.a.id, 'Create', 'Role']);
	});

	step('a tour of acts: each entry is there and parses', async (w) => {
		const begin = (await w.ann.get(`/guilds/${w.guildId}/audit-logs`, { query: { limit: 1 } })).ok(200)
			.audit_log_entries[0]?.id || '0';
		const ned = await w.member(`ned${tag()}`);
		const channel = await w.channel();
		const role = await w.role();
		await channel.a.edit({ topic: 'new' });
		await channel.a.permissionOverwrites.create(role.id, { SendMessages: false });
		await channel.a.permissionOverwrites.edit(role.id, { SendMessages: true });
		await channel.a.permissionOverwrites.delete(role.id);
		await role.a.edit({ name: 'other name' });
		await w.ga.members.edit(ned.id, { nick: 'Neddy' });
		await w.ga.members.addRole({ user: ned.id, role: role.id });
		const spoken = (await ned.post(`/channels/${channel.id}/messages`, { content: 'x' })).ok(200);
		await channel.a.messages.delete(spoken.id);
		const own = [await channel.a.send('1'), await channel.a.send('2'), await channel.a.send('3')];
		await own[2].pin();
		await own[2].unpin();
		await channel.a.bulkDelete([own[0].id, own[1].id]);
		const invite = await w.ga.invites.create(channel.id, { unique: true });
		await invite.delete();
		await w.ga.members.kick(ned.id);
		await w.ga.members.ban(ned.id);
		await w.ga.bans.remove(ned.id);
		await w.ga.edit({ afkTimeout: 60 });
		await role.a.delete();
		await channel.a.delete();
		const logs = await w.gb.fetchAuditLogs({ limit: 100 });
		const entries = [...logs.entries.values()].filter((e) => BigInt(e.id) > BigInt(begin));
		const E = AuditLogEvent;
		const wanted = { ChannelCreate: E.ChannelCreate, ChannelUpdate: E.ChannelUpdate, ChannelDelete: E.ChannelDelete,
			ChannelOverwriteCreate: E.ChannelOverwriteCreate, ChannelOverwriteUpdate: E.ChannelOverwriteUpdate,
			ChannelOverwriteDelete: E.ChannelOverwriteDelete, RoleCreate: E.RoleCreate, RoleUpdate: E.RoleUpdate,
			RoleDelete: E.RoleDelete, MemberUpdate: E.MemberUpdate, MemberRoleUpdate: E.MemberRoleUpdate,
			MessageDelete: E.MessageDelete, MessageBulkDelete: E.MessageBulkDelete, MessagePin: E.MessagePin,
			MessageUnpin: E.MessageUnpin, InviteCreate: E.InviteCreate, InviteDelete: E.InviteDelete,
			MemberKick: E.MemberKick, MemberBanAdd: E.MemberBanAdd, MemberBanRemove: E.MemberBanRemove,
			GuildUpdate: E.GuildUpdate };
		const missing = Object.keys(wanted).filter((name) => !entries.some((e) => e.action === wanted[name]));
		equal(missing, [], 'entries that are missing');
		const of = (action) => entries.find((e) => e.action === action);
		assert(entries.every((e) => e.executorId), 'an entry has no author');
		equal(of(E.MessageDelete).extra.count, 1, 'count of deleted messages');
		equal(of(E.MessageDelete).extra.channel.id, channel.id);
		equal(of(E.MessageBulkDelete).extra.count, 2);
		equal(of(E.MessagePin).extra.messageId, own[2].id);
		equal(of(E.ChannelOverwriteCreate).extra?.id, role.id, 'overwrite');
		equal(of(E.MemberUpdate).changes.find((c) => c.key === 'nick')?.new, 'Neddy');
		equal(of(E.MemberRoleUpdate).changes.map((c) => c.key), ['$add'], 'changes of roles');
		equal(of(E.ChannelUpdate).changes.find((c) => c.key === 'topic')?.new, 'new');
	});

	step('the log can be narrowed and paged, and holds all its lists', async (w) => {
		const get = async (query) => (await w.ann.get(`/guilds/${w.guildId}/audit-logs`, { query })).ok(200);
		const all = await get({ limit: 100 });
		for (const key of ['audit_log_entries', 'users', 'webhooks', 'integrations', 'threads', 'application_commands',
			'guild_scheduled_events', 'auto_moderation_rules'])
			assert(Array.isArray(all[key]), `${key} is no array`);
		const ids = all.audit_log_entries.map((e) => e.id);
		equal(ids, [...ids].sort((a, b) => Number(BigInt(b) - BigInt(a))), 'newest first');
		const users = new Set(all.users.map((u) => u.id));
		assert(all.audit_log_entries.every((e) => users.has(e.user_id)), 'an author is missing in users');
		const page = await get({ limit: 2, before: ids[1] });
		equal(page.audit_log_entries.map((e) => e.id), ids.slice(2, 4), 'before');
		const own = await get({ user_id: w.a.id, limit: 100 });
		assert(own.audit_log_entries.length && own.audit_log_entries.every((e) => e.user_id === w.a.id), 'user_id');
		const kind = await get({ action_type: 10, limit: 100 });
		assert(kind.audit_log_entries.length && kind.audit_log_entries.every((e) => e.action_type === 10), 'action_type');
		const up = await get({ after: ids.at(-1), limit: 1 });
		equal(up.audit_log_entries[0]?.id, ids.at(-2), 'after gives the oldest above');
	});

	step('the log is refused to plain members, and with bad queries', async (w) => {
		const bob = await w.member();
		(await bob.get(`/guilds/${w.guildId}/audit-logs`)).refused(403, 50013);
		(await w.a.rest.get(`/guilds/${w.guildId}/audit-logs`, { query: { limit: 101 } })).refused(400, 50035, 'limit');
		(await w.a.rest.get(`/guilds/${w.guildId}/audit-logs`, { query: { user_id: 'me' } })).refused(400, 50035, 'user_id');
	});
}
