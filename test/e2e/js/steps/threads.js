// Threads: made, spoken in, archived, their members, their lists, and who sees private ones.
import { ChannelType, MessageType, ThreadAutoArchiveDuration } from 'discord.js';

import { assert, equal, same } from '../lib/suite.js';
import { UNKNOWN, sleep } from '../lib/world.js';

const MANAGE_THREADS = String(1n << 34n);
const nothing = { type: 0, allow: '0' };

export default function (step) {
	step('a thread without a message: THREAD_CREATE, its notice in the parent, words in it', async (w) => {
		const channel = await w.channel();
		const thread = await channel.a.threads.create({ name: 'aside', type: ChannelType.PublicThread,
			autoArchiveDuration: ThreadAutoArchiveDuration.OneHour, reason: 'to the side' });
		const [seen, fresh] = await w.b.sees('threadCreate', (t) => t.id === thread.id);
		equal([seen.name, seen.type, seen.parentId, seen.ownerId, seen.archived, seen.autoArchiveDuration, fresh],
			['aside', ChannelType.PublicThread, channel.id, w.a.id, false, 60, true]);
		const [notice] = await w.b.sees('messageCreate', (m) => m.channelId === channel.id && m.type === MessageType.ThreadCreated);
		equal([notice.content, notice.reference.channelId, notice.author.id], ['aside', thread.id, w.a.id]);
		await w.b.sees('threadMembersUpdate', (added) => added.has(w.a.id));
		const said = await thread.send('in the thread');
		const [heard] = await w.b.sees('messageCreate', (m) => m.id === said.id);
		equal([heard.channelId, heard.channel.isThread()], [thread.id, true]);
		const raw = (await w.ann.get(`/channels/${thread.id}`)).ok(200);
		equal([raw.message_count, raw.total_message_sent, raw.member_count, raw.last_message_id], [1, 1, 1, said.id]);
		equal(raw.member, undefined, 'ann is not in it');
		equal((await w.a.rest.get(`/channels/${thread.id}`)).ok(200).member.user_id, w.a.id);
		await said.delete();
		const after = (await w.ann.get(`/channels/${thread.id}`)).ok(200);
		equal([after.message_count, after.total_message_sent], [0, 1]);
		const log = (await w.ann.get(`/guilds/${w.guildId}/audit-logs`, { query: { action_type: 110 } })).ok(200);
		equal([log.audit_log_entries[0].target_id, log.audit_log_entries[0].reason], [thread.id, 'to the side']);
		equal(log.threads.map((t) => t.id), [thread.id]);
	});

	step('a thread from a message has its id; the message knows it', async (w) => {
		const channel = await w.channel();
		const sent = await channel.a.send('let us speak of this');
		const thread = await sent.startThread({ name: 'this' });
		equal(thread.id, sent.id);
		await w.b.sees('threadCreate', (t) => t.id === thread.id);
		await w.b.sees('messageUpdate', (_, m) => m.id === sent.id && m.hasThread);
		const raw = (await w.ann.get(`/channels/${channel.id}/messages/${sent.id}`)).ok(200);
		equal([raw.flags & 32, raw.thread.id, raw.thread.name], [32, thread.id, 'this']);
		const first = (await w.ann.get(`/channels/${thread.id}/messages`)).ok(200);
		equal([first.length, first[0].type, first[0].message_reference.message_id, first[0].referenced_message.content],
			[1, 21, sent.id, 'let us speak of this']);
		equal((await w.ann.get(`/channels/${thread.id}`)).ok(200).message_count, 0, 'the starter is not counted');
		(await w.a.rest.post(`/channels/${channel.id}/messages/${sent.id}/threads`, { name: 'again' })).refused(400, 160004);
		(await w.a.rest.post(`/channels/${channel.id}/messages/${UNKNOWN}/threads`, { name: 'none' })).refused(404, 10008);
		(await w.a.rest.delete(`/channels/${thread.id}/messages/${first[0].id}`)).refused(403, 50021);
	});

	step('threads are refused: names, places, permissions', async (w) => {
		const channel = await w.channel();
		const bob = await w.member();
		const path = `/channels/${channel.id}/threads`;
		(await w.a.rest.post(path, { name: '', type: 11 })).refused(400, 50035, 'name');
		(await w.a.rest.post(path, { name: 'x', type: 10 })).refused(400, 50035, 'type');
		(await w.a.rest.post(path, { name: 'x', type: 11, auto_archive_duration: 61 })).refused(400, 50035, 'auto_archive_duration');
		(await w.a.rest.post(`/channels/${UNKNOWN}/threads`, { name: 'x', type: 11 })).refused(404, 10003);
		(await w.ann.put(`/channels/${channel.id}/permissions/${w.guildId}`, { ...nothing, deny: String(7n << 34n) })).ok(204);
		(await bob.post(path, { name: 'x', type: 11 })).refused(403, 50013);
		(await bob.post(path, { name: 'x', type: 12 })).refused(403, 50013);
		const thread = (await w.a.rest.post(path, { name: 'x', type: 11 })).ok(201);
		(await bob.post(`/channels/${thread.id}/threads`, { name: 'y', type: 11 })).refused(400, 50024);
		(await w.a.rest.post(`/channels/${thread.id}/invites`, {})).refused(400, 50024);
		(await w.ann.put(`/channels/${thread.id}/permissions/${w.guildId}`, { ...nothing, deny: '0' })).refused(400, 50024);
		// Speaking in threads is a permission of its own.
		(await w.ann.put(`/channels/${channel.id}/permissions/${w.guildId}`, { ...nothing, deny: String(1n << 38n) })).ok(204);
		(await bob.post(`/channels/${thread.id}/messages`, { content: 'no' })).refused(403, 50013);
		(await w.ann.put(`/channels/${channel.id}/permissions/${w.guildId}`, { ...nothing, deny: String(1n << 11n) })).ok(204);
		(await bob.post(`/channels/${thread.id}/messages`, { content: 'yes' })).ok(200);
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'no' })).refused(403, 50013);
	});

	step('a thread is renamed, archived, opened by speaking, locked, deleted', async (w) => {
		const channel = await w.channel();
		const thread = await channel.a.threads.create({ name: 'one', type: ChannelType.PublicThread });
		const bob = await w.member();
		await thread.setName('two', 'better');
		await w.b.sees('threadUpdate', (_, t) => t.id === thread.id && t.name === 'two');
		await w.b.sees('messageCreate', (m) => m.channelId === thread.id && m.type === MessageType.ChannelNameChange && m.content === 'two');
		const said = await thread.send('to be kept');
		await thread.setArchived(true);
		const [, closed] = await w.b.sees('threadUpdate', (_, t) => t.id === thread.id && t.archived);
		assert(closed.archiveTimestamp > Date.now() - 60000, 'archive_timestamp');
		(await w.a.rest.patch(`/channels/${thread.id}`, { name: 'three' })).refused(400, 50083);
		(await w.a.rest.put(`/channels/${thread.id}/messages/${said.id}/reactions/%F0%9F%91%8D/@me`)).refused(400, 50083);
		(await w.a.rest.patch(`/channels/${thread.id}/messages/${said.id}`, { content: 'x' })).refused(400, 50083);
		(await w.a.rest.put(`/channels/${thread.id}/thread-members/${bob.id}`)).refused(400, 50083);
		(await bob.post(`/channels/${thread.id}/messages`, { content: 'wake up' })).ok(200);
		await w.b.sees('threadUpdate', (_, t) => t.id === thread.id && !t.archived);
		await w.b.sees('threadMembersUpdate', (added) => added.has(bob.id));
		await thread.setLocked(true);
		await w.b.sees('threadUpdate', (_, t) => t.id === thread.id && t.locked);
		(await bob.post(`/channels/${thread.id}/messages`, { content: 'no' })).refused(400, 160005);
		(await bob.patch(`/channels/${thread.id}`, { name: 'mine' })).refused(403, 50013);
		(await bob.delete(`/channels/${thread.id}`)).refused(403, 50013);
		await thread.delete('done');
		await w.b.sees('threadDelete', (t) => t.id === thread.id);
		(await w.ann.get(`/channels/${thread.id}`)).refused(404, 10003);
		const log = (await w.ann.get(`/guilds/${w.guildId}/audit-logs`)).ok(200).audit_log_entries;
		const mine = log.filter((e) => e.target_id === thread.id).map((e) => e.action_type);
		same(mine, [112, 111, 111, 111, 110], 'audit');
	});

	step('reactions, pins and typing work in a thread', async (w) => {
		const channel = await w.channel();
		const thread = await channel.a.threads.create({ name: 'all of it', type: ChannelType.PublicThread });
		const said = await thread.send('look');
		await said.react('👍');
		await w.b.sees('messageReactionAdd', (r) => r.message.id === said.id);
		await said.pin();
		await w.b.sees('channelPinsUpdate', (c) => c.id === thread.id);
		await w.b.sees('messageCreate', (m) => m.channelId === thread.id && m.type === MessageType.ChannelPinnedMessage);
		await thread.sendTyping();
		await w.b.sees('typingStart', (t) => t.channel.id === thread.id);
		equal((await w.ann.get(`/channels/${thread.id}/messages/pins`)).ok(200).items.map((i) => i.message.id), [said.id]);
	});

	step('thread members: join, leave, add, remove, get, list', async (w) => {
		const channel = await w.channel();
		const thread = await channel.a.threads.create({ name: 'people', type: ChannelType.PublicThread });
		const bob = await w.member();
		(await w.b.rest.put(`/channels/${thread.id}/thread-members/@me`)).ok(204);
		await w.a.sees('threadMembersUpdate', (added) => added.has(w.b.id));
		(await bob.put(`/channels/${thread.id}/thread-members/@me`)).ok(204);
		await w.a.sees('threadMembersUpdate', (added) => added.has(bob.id));
		const members = await thread.members.fetch({ withMember: true });
		same([...members.keys()], [w.a.id, w.b.id, bob.id]);
		assert(members.get(bob.id).guildMember, 'with_member');
		const page = (await w.a.rest.get(`/channels/${thread.id}/thread-members`, { query: { with_member: true, limit: 1 } })).ok(200);
		const next = (await w.a.rest.get(`/channels/${thread.id}/thread-members`,
			{ query: { with_member: true, limit: 5, after: page[0].user_id } })).ok(200);
		equal([page.length, next.length], [1, 2]);
		(await w.a.rest.get(`/channels/${thread.id}/thread-members`, { query: { limit: 101 } })).refused(400, 50035, 'limit');
		equal((await w.a.rest.get(`/channels/${thread.id}/thread-members/${bob.id}`)).ok(200).user_id, bob.id);
		(await w.a.rest.get(`/channels/${thread.id}/thread-members/${w.ann.id}`)).refused(404, 10013);
		await thread.members.remove(bob.id);
		await w.b.sees('threadMembersUpdate', (_, removed) => removed.has(bob.id));
		await w.b.sees('messageCreate', (m) => m.channelId === thread.id && m.type === MessageType.RecipientRemove);
		(await w.a.rest.delete(`/channels/${thread.id}/thread-members/${bob.id}`)).refused(404, 10013);
		await thread.members.add(bob.id);
		await w.b.sees('messageCreate', (m) => m.channelId === thread.id && m.type === MessageType.RecipientAdd &&
			m.mentions.users.has(bob.id));
		(await bob.delete(`/channels/${thread.id}/thread-members/${w.b.id}`)).refused(403, 50013);
		(await w.a.rest.put(`/channels/${thread.id}/thread-members/${UNKNOWN}`)).refused(404, 10013);
		(await bob.delete(`/channels/${thread.id}/thread-members/@me`)).ok(204);
		await w.b.sees('threadMembersUpdate', (_, removed) => removed.has(bob.id));
		for (const call of ['get', 'put'])
			(await w.a.rest[call](`/channels/${channel.id}/thread-members/${call === 'put' ? '@me' : bob.id}`)).refused(400, 50024);
		(await w.a.rest.delete(`/channels/${UNKNOWN}/thread-members/@me`)).refused(404, 10003);
		(await w.a.rest.get(`/channels/${UNKNOWN}/thread-members`)).refused(404, 10003);
		await thread.send(`<@${bob.id}> come`);
		await w.b.sees('threadMembersUpdate', (added) => added.has(bob.id));
	});

	step('lists: active threads, and the archives page by page', async (w) => {
		const channel = await w.channel();
		const threads = [];
		for (let i = 0; i < 4; i++)
			threads.push(await channel.a.threads.create({ name: `t ${i}`, type: ChannelType.PublicThread }));
		for (const thread of threads.slice(0, 3))
			await thread.setArchived(true);
		const active = await w.ga.channels.fetchActiveThreads();
		equal([active.threads.has(threads[3].id), active.threads.has(threads[0].id)], [true, false]);
		const first = await channel.a.threads.fetchArchived({ limit: 2 });
		equal([[...first.threads.keys()], first.hasMore], [[threads[2].id, threads[1].id], true]);
		const second = await channel.a.threads.fetchArchived({ limit: 2, before: threads[1].id });
		equal([[...second.threads.keys()], second.hasMore], [[threads[0].id], false]);
		equal([...first.members.keys()], [w.a.id], 'one is in them');
		(await w.a.rest.get(`/channels/${channel.id}/threads/archived/public`, { query: { limit: 1 } })).refused(400, 50035, 'limit');
		const bob = await w.member();
		(await bob.get(`/channels/${channel.id}/threads/archived/private`)).refused(403, 50013);
		(await bob.get(`/channels/${UNKNOWN}/users/@me/threads/archived/private`)).refused(404, 10003);
		(await bob.get(`/guilds/${UNKNOWN}/threads/active`)).refused(404, 10004);
		equal((await bob.get(`/channels/${channel.id}/threads/archived/public`)).ok(200).threads.length, 3);
		const secrets = [];
		for (let i = 0; i < 3; i++) {
			const made = (await bob.post(`/channels/${channel.id}/threads`, { name: `s ${i}` })).ok(201);
			secrets.unshift(made.id);
			(await bob.patch(`/channels/${made.id}`, { archived: true })).ok(200);
		}
		const all = (await w.a.rest.get(`/channels/${channel.id}/threads/archived/private`)).ok(200);
		equal([all.threads.map((t) => t.id), all.has_more, all.members], [secrets, false, []]);
		const mine = (await bob.get(`/channels/${channel.id}/users/@me/threads/archived/private`, { query: { limit: 2 } })).ok(200);
		equal([mine.threads.map((t) => t.id), mine.has_more, mine.members.length], [secrets.slice(0, 2), true, 2]);
		const rest = (await bob.get(`/channels/${channel.id}/users/@me/threads/archived/private`,
			{ query: { before: secrets[1] } })).ok(200);
		equal([rest.threads.map((t) => t.id), rest.has_more], [secrets.slice(2), false]);
		await channel.a.delete();
		for (let tries = 0; ; tries++) {
			const answer = await w.ann.get(`/channels/${threads[0].id}`);
			if (answer.status === 404)
				break;
			assert(tries < 50, 'archived threads go with their channel');
			await sleep(100);
		}
	});

	step('a private thread is seen by its members and by who holds MANAGE_THREADS', async (w) => {
		const channel = await w.channel();
		const [bob, eve] = [await w.member(), await w.member('eve')];
		const made = (await bob.post(`/channels/${channel.id}/threads`, { name: 'quiet', type: 12, invitable: false })).ok(201);
		equal([made.type, made.thread_metadata.invitable, made.member.user_id], [12, false, bob.id]);
		const [seen] = await w.a.sees('threadCreate', (t) => t.id === made.id); // an administrator
		equal(seen.invitable, false);
		const path = `/channels/${made.id}`;
		(await eve.get(path)).refused(403, 50001);
		(await eve.get(`${path}/messages`)).refused(403, 50001);
		(await eve.post(`${path}/messages`, { content: 'hm' })).refused(403, 50001);
		(await eve.put(`${path}/thread-members/@me`)).refused(403, 50001);
		(await bob.put(`${path}/thread-members/${eve.id}`)).refused(403, 50013);
		equal((await eve.get(`/guilds/${w.guildId}/threads/active`)).ok(200).threads.some((t) => t.id === made.id), false);
		(await w.a.rest.put(`${path}/thread-members/${eve.id}`)).ok(204);
		(await eve.get(path)).ok(200);
		(await eve.post(`${path}/messages`, { content: 'here' })).ok(200);
		(await bob.delete(`${path}/thread-members/${eve.id}`)).ok(204); // its maker may
		(await eve.get(path)).refused(403, 50001);
		(await w.ann.put(`/channels/${channel.id}/permissions/${eve.id}`, { type: 1, allow: MANAGE_THREADS, deny: '0' })).ok(204);
		(await eve.get(path)).ok(200);
		(await eve.delete(path)).ok(200);
	});
}
