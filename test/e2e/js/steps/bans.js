// Bans: one, many, listed, lifted.
import { assert, equal, same } from '../lib/suite.js';
import { UNKNOWN, rejects, tag } from '../lib/world.js';

export default function (step) {
	step('a ban removes the member and recent messages, and keeps them out', async (w) => {
		const channel = await w.channel();
		const mal = await w.member(`mal${tag()}`);
		await w.gb.members.fetch(mal.id);
		const said = (await mal.post(`/channels/${channel.id}/messages`, { content: 'spam' })).ok(200);
		const kept = await channel.a.send('not spam');
		const invite = (await w.ann.post(`/channels/${w.hall}/invites`, { unique: true })).ok(200);
		await w.ga.members.ban(mal.id, { deleteMessageSeconds: 3600, reason: 'spam' });
		await w.b.sees('guildBanAdd', (b) => b.user.id === mal.id);
		await w.b.sees('guildMemberRemove', (m) => m.id === mal.id);
		const ban = (await w.ann.get(`/guilds/${w.guildId}/bans/${mal.id}`)).ok(200);
		equal([ban.user.id, ban.reason], [mal.id, 'spam']);
		(await w.ann.get(`/guilds/${w.guildId}/members/${mal.id}`)).refused(404, 10007);
		(await w.ann.get(`/channels/${channel.id}/messages/${said.id}`)).refused(404, 10008);
		equal((await w.ann.get(`/channels/${channel.id}/messages`)).ok(200).map((m) => m.id), [kept.id]);
		(await mal.post(`/invites/${invite.code}`, {})).refused(404, 10006);
		(await mal.get(`/guilds/${w.guildId}`)).refused(404, 10004);
	});

	step('bans are listed, fetched and lifted', async (w) => {
		const [one, two] = [await w.register('one'), await w.register('two')];
		await w.ga.members.ban(one.id, { reason: 'first' });
		await w.ga.members.ban(two.id);
		await w.b.sees('guildBanAdd', (b) => b.user.id === two.id);
		const bans = await w.gb.bans.fetch();
		equal([bans.get(one.id)?.reason, bans.get(two.id)?.reason], ['first', null]);
		const [low, high] = [one.id, two.id].sort();
		const page = (await w.ann.get(`/guilds/${w.guildId}/bans`, { query: { limit: 1000, after: low } })).ok(200);
		assert(!page.some((b) => b.user.id === low) && page.some((b) => b.user.id === high), 'after');
		const back = (await w.ann.get(`/guilds/${w.guildId}/bans`, { query: { before: high, limit: 1 } })).ok(200);
		equal(back.map((b) => b.user.id), [low], 'before');
		await w.ga.bans.remove(one.id, 'forgiven');
		await w.b.sees('guildBanRemove', (b) => b.user.id === one.id);
		(await w.ann.get(`/guilds/${w.guildId}/bans/${one.id}`)).refused(404, 10026);
		await w.join(one);
		await w.b.sees('guildMemberAdd', (m) => m.id === one.id);
	});

	step('many at once', async (w) => {
		const [one, two] = [await w.member(`b1${tag()}`), await w.register('b2')];
		const result = await w.ga.members.bulkBan([one.id, two.id], { reason: 'raid', deleteMessageSeconds: 60 });
		same(result.bannedUsers, [one.id, two.id], 'banned');
		equal(result.failedUsers, []);
		for (const person of [one, two])
			await w.b.sees('guildBanAdd', (b) => b.user.id === person.id);
		const again = (await w.a.rest.post(`/guilds/${w.guildId}/bulk-ban`, { user_ids: [w.ann.id] }));
		again.refused(400, 500000);
		(await w.a.rest.post(`/guilds/${w.guildId}/bulk-ban`, { user_ids: [] })).refused(400, 50035, 'user_ids');
		(await (await w.member()).post(`/guilds/${w.guildId}/bulk-ban`, { user_ids: [two.id] })).refused(403, 50013);
	});

	step('bans are refused: the owner, without permission, unknown people', async (w) => {
		const bob = await w.member();
		await rejects(w.ga.members.ban(w.ann.id), 403, 50013);
		(await bob.put(`/guilds/${w.guildId}/bans/${w.a.id}`, {})).refused(403, 50013);
		(await bob.get(`/guilds/${w.guildId}/bans`)).refused(403, 50013);
		(await w.a.rest.put(`/guilds/${w.guildId}/bans/${UNKNOWN}`, {})).refused(404, 10013);
		(await w.a.rest.put(`/guilds/${w.guildId}/bans/${bob.id}`, { delete_message_seconds: 604801 }))
			.refused(400, 50035, 'delete_message_seconds');
		(await w.a.rest.get(`/guilds/${w.guildId}/bans/${bob.id}`)).refused(404, 10026);
		(await w.a.rest.delete(`/guilds/${w.guildId}/bans/${bob.id}`)).refused(404, 10026);
		(await w.a.rest.get(`/guilds/${w.guildId}/members/${bob.id}`)).ok(200);
	});
}
