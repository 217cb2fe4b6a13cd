// Invites: make, look at, accept, revoke.
import { assert, equal } from '../lib/suite.js';
import { UNKNOWN, tag } from '../lib/world.js';

export default function (step) {
	step('INVITE_CREATE, and the invite read three ways', async (w) => {
		const channel = await w.channel();
		const made = await w.ga.invites.create(channel.id, { maxAge: 3600, maxUses: 5, unique: true, reason: 'friends' });
		const [seen] = await w.b.sees('inviteCreate', (i) => i.code === made.code);
		equal([seen.maxAge, seen.maxUses, seen.channelId, seen.inviterId], [3600, 5, channel.id, w.a.id]);
		assert(made.code.length >= 10, `code ${made.code} is short`);
		const open = (await w.nobody.get(`/invites/${made.code}`, { query: { with_counts: 'true' } })).ok(200);
		equal([open.guild.id, open.channel.id, open.type], [w.guildId, channel.id, 0]);
		assert(open.approximate_member_count >= 3, 'counts');
		assert(!('uses' in open), 'uses are for managers');
		const fetched = await w.b.client.fetchInvite(made.code);
		equal(fetched.inviter.id, w.a.id);
		const listed = (await w.ann.get(`/channels/${channel.id}/invites`)).ok(200);
		equal([listed[0].code, listed[0].uses, listed[0].max_uses, listed[0].temporary], [made.code, 0, 5, false]);
		assert((await w.gb.invites.fetch()).has(made.code), 'not in the list of the guild');
	});

	step('a person accepts: GUILD_MEMBER_ADD, one use', async (w) => {
		const channel = await w.channel();
		const fay = await w.register('fay');
		const invite = (await w.ann.post(`/channels/${channel.id}/invites`, { max_uses: 1, unique: true })).ok(200);
		const answer = (await fay.post(`/invites/${invite.code}`, {})).ok(200);
		equal([answer.guild.id, answer.channel.id], [w.guildId, channel.id]);
		const [seen] = await w.b.sees('guildMemberAdd', (m) => m.id === fay.id);
		equal(seen.user.username, fay.username);
		(await fay.get(`/guilds/${w.guildId}`)).ok(200);
		assert((await fay.get('/users/@me/guilds')).ok(200).some((g) => g.id === w.guildId), 'not in their list');
		(await (await w.register('gus')).post(`/invites/${invite.code}`, {})).refused(404, 10006);
		(await w.nobody.get(`/invites/${invite.code}`)).refused(404, 10006);
		(await w.a.rest.post(`/invites/${invite.code}`, {})).refused(403, 20001);
	});

	step('a member who joins is greeted in the system channel', async (w) => {
		const channel = await w.channel();
		(await w.ann.patch(`/guilds/${w.guildId}`, { system_channel_id: channel.id, system_channel_flags: 0 })).ok(200);
		const hal = await w.register('hal');
		await w.join(hal);
		const [notice] = await w.b.sees('messageCreate', (m) => m.channelId === channel.id && m.type === 7);
		equal([notice.author.id, notice.content], [hal.id, '']);
		(await w.ann.patch(`/guilds/${w.guildId}`, { system_channel_id: null })).ok(200);
	});

	step('INVITE_DELETE, and the code is dead', async (w) => {
		const made = await w.ga.invites.create(w.hall, { unique: true });
		await w.b.sees('inviteCreate', (i) => i.code === made.code);
		const bob = await w.member();
		(await bob.delete(`/invites/${made.code}`)).refused(403, 50013);
		await made.delete('over');
		const [gone] = await w.b.sees('inviteDelete', (i) => i.code === made.code);
		equal(gone.channelId, w.hall);
		(await w.nobody.get(`/invites/${made.code}`)).refused(404, 10006);
		(await w.a.rest.delete(`/invites/${made.code}`)).refused(404, 10006);
	});

	step('invites are refused: permission, bad values, unknown channel and code', async (w) => {
		const bob = await w.member();
		const shut = await w.channel({ permission_overwrites: [{ id: w.guildId, type: 0, deny: '1' }] });
		(await bob.post(`/channels/${shut.id}/invites`, {})).refused(403, 50013);
		(await bob.get(`/channels/${shut.id}/invites`)).refused(403, 50013);
		(await bob.get(`/guilds/${w.guildId}/invites`)).refused(403, 50013);
		(await w.a.rest.post(`/channels/${w.hall}/invites`, { max_age: 604801 })).refused(400, 50035, 'max_age');
		(await w.a.rest.post(`/channels/${w.hall}/invites`, { max_uses: 101 })).refused(400, 50035, 'max_uses');
		(await w.a.rest.post(`/channels/${UNKNOWN}/invites`, {})).refused(404, 10003);
		(await w.nobody.get(`/invites/no${tag()}`)).refused(404, 10006);
		(await bob.post(`/invites/no${tag()}`, {})).refused(404, 10006);
		const one = (await w.a.rest.post(`/channels/${w.hall}/invites`, { max_age: 7200 })).ok(200);
		const two = (await w.a.rest.post(`/channels/${w.hall}/invites`, { max_age: 7200 })).ok(200);
		equal(one.code, two.code, 'without `unique` the same code is given again');
	});
}
