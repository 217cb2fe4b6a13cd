// Guilds: create, read, edit, delete; a bot that comes and goes.
import { assert, equal } from '../lib/suite.js';
import { UNKNOWN, rejects, tag } from '../lib/world.js';

export default function (step) {
	step('a new guild has its channels, @everyone and owner', async (w) => {
		const guild = (await w.ann.post('/guilds', { name: 'fresh' })).ok(200, 201);
		equal(guild.owner_id, w.ann.id);
		const everyone = guild.roles.find((r) => r.id === guild.id);
		equal(everyone?.permissions, '1817464907615809', '@everyone');
		const channels = (await w.ann.get(`/guilds/${guild.id}/channels`)).ok(200);
		equal(channels.map((c) => `${c.type} ${c.name}`).sort(),
			['0 general', '2 General', '4 Text Channels', '4 Voice Channels'].sort(), 'channels');
		equal(guild.system_channel_id, channels.find((c) => c.name === 'general').id, 'system channel');
		(await w.ann.post('/guilds', { name: 'x' })).refused(400, 50035, 'name', 'BASE_TYPE_BAD_LENGTH');
		(await w.ann.post('/guilds', {})).refused(400, 50035, 'name', 'BASE_TYPE_REQUIRED');
		(await w.nobody.post('/guilds', { name: 'nobody' })).refused(401, 0);
		(await w.ann.delete(`/guilds/${guild.id}`)).ok(204);
	});

	step('GUILD_CREATE reaches a bot that is added', async (w) => {
		const guild = (await w.ann.post('/guilds', { name: 'second' })).ok(200, 201);
		await w.addBot(w.ann, w.botB, guild.id);
		const [seen] = await w.b.sees('guildCreate', (g) => g.id === guild.id);
		equal(seen.name, 'second');
		assert(seen.members.me, 'own member is missing');
		const managed = seen.roles.cache.find((r) => r.tags?.botId === w.b.id);
		assert(managed?.managed, 'no managed role for the bot');
		assert(managed.permissions.has('Administrator'), 'managed role lacks what was asked');
		equal(w.a.count('guildCreate'), 0, 'bot a, who is not in it, saw');
		(await w.b.rest.get(`/guilds/${guild.id}`)).ok(200);
		(await w.a.rest.get(`/guilds/${guild.id}`)).refused(404, 10004);
	});

	step('GUILD_UPDATE and the read-back follow an edit', async (w) => {
		const name = `hall ${tag()}`;
		const before = (await w.ann.get(`/guilds/${w.guildId}`)).ok(200);
		await w.ga.edit({ name, afkTimeout: 900, verificationLevel: 1, defaultMessageNotifications: 1,
			systemChannel: w.hall, reason: 'tidying up' });
		const [, seen] = await w.b.sees('guildUpdate', (_, g) => g.id === w.guildId && g.name === name);
		equal([seen.afkTimeout, seen.verificationLevel, seen.systemChannelId], [900, 1, w.hall]);
		const read = (await w.ann.get(`/guilds/${w.guildId}`)).ok(200);
		equal([read.name, read.afk_timeout, read.verification_level, read.default_message_notifications,
			read.system_channel_id], [name, 900, 1, 1, w.hall]);
		equal(read.roles.length, before.roles.length, 'roles');
		await w.ga.edit({ name: 'e2e hall', verificationLevel: 0, systemChannel: null });
		equal((await w.ann.get(`/guilds/${w.guildId}`)).ok(200).system_channel_id, null, 'system channel');
	});

	step('an edit of a guild is refused to a plain member and with bad values', async (w) => {
		const bob = await w.member();
		(await bob.patch(`/guilds/${w.guildId}`, { name: 'mine now' })).refused(403, 50013);
		await rejects(w.ga.edit({ name: 'x' }), 400, 50035, 'name', 'BASE_TYPE_BAD_LENGTH');
		(await w.a.rest.patch(`/guilds/${w.guildId}`, { verification_level: 9 }))
			.refused(400, 50035, 'verification_level', 'BASE_TYPE_CHOICES');
		(await w.a.rest.patch(`/guilds/${w.guildId}`, { afk_channel_id: UNKNOWN })).refusedAs([400, 50035], [404, 10003]);
		(await w.a.rest.patch(`/guilds/${UNKNOWN}`, { name: 'nowhere' })).refused(404, 10004);
		equal((await w.ann.get(`/guilds/${w.guildId}`)).ok(200).name, 'e2e hall', 'name after refusals');
	});

	step('GET guild with counts, preview and features', async (w) => {
		const guild = await w.ga.fetch();
		assert(guild.approximateMemberCount >= 3, `approximate_member_count ${guild.approximateMemberCount}`);
		const read = (await w.a.rest.get(`/guilds/${w.guildId}`)).ok(200);
		assert(!('approximate_member_count' in read), 'counts come unasked');
		equal(read.premium_tier, 3, 'premium_tier');
		assert(read.features.includes('ROLE_ICONS'), 'features');
		for (const key of ['emojis', 'stickers', 'roles', 'features'])
			assert(Array.isArray(read[key]), `${key} is no array`);
		for (const key of ['members', 'channels', 'joined_at', 'presences', 'voice_states'])
			assert(!(key in read), `${key} does not belong into REST`);
		(await w.a.rest.get('/guilds/notanumber')).refused(400, 50035);
	});

	step('a new owner is the owner everywhere', async (w) => {
		const bob = await w.member();
		const guild = (await w.ann.post('/guilds', { name: 'to give away' })).ok(200, 201);
		await w.addBot(w.ann, w.botB, guild.id);
		await w.b.sees('guildCreate', (g) => g.id === guild.id);
		(await w.ann.patch(`/guilds/${guild.id}`, { owner_id: bob.id })).refusedAs([400, 50035], [404, 10007], [404, 10013]);
		const invite = (await w.ann.post(`/channels/${guild.system_channel_id}/invites`, {})).ok(200);
		(await bob.post(`/invites/${invite.code}`, {})).ok(200);
		(await bob.patch(`/guilds/${guild.id}`, { owner_id: bob.id })).refused(403, 50013);
		(await w.ann.patch(`/guilds/${guild.id}`, { owner_id: bob.id })).ok(200);
		await w.b.sees('guildUpdate', (_, g) => g.id === guild.id && g.ownerId === bob.id);
		equal((await w.ann.get(`/guilds/${guild.id}`)).ok(200).owner_id, bob.id);
		(await w.ann.delete(`/guilds/${guild.id}`)).refused(403, 50013);
		(await bob.delete(`/guilds/${guild.id}`)).ok(204);
	});

	step('GUILD_DELETE without `unavailable` when a guild is deleted', async (w) => {
		const guild = (await w.ann.post('/guilds', { name: 'short-lived' })).ok(200, 201);
		await w.addBot(w.ann, w.botA, guild.id);
		await w.addBot(w.ann, w.botB, guild.id);
		await w.a.sees('guildCreate', (g) => g.id === guild.id);
		await w.b.sees('guildCreate', (g) => g.id === guild.id);
		(await w.a.rest.delete(`/guilds/${guild.id}`)).refused(403, 20001);
		(await w.ann.delete(`/guilds/${guild.id}`)).ok(204);
		for (const watch of [w.a, w.b]) {
			await watch.sees('guildDelete', (g) => g.id === guild.id);
			equal(watch.count('guildUnavailable'), 0, 'outages');
			assert(!watch.client.guilds.cache.has(guild.id), 'still in the cache');
			(await watch.rest.get(`/guilds/${guild.id}`)).refused(404, 10004);
			(await watch.rest.get(`/channels/${guild.system_channel_id}`)).refused(404, 10003);
		}
		(await w.ann.delete(`/guilds/${guild.id}`)).refused(404, 10004);
		assert(!(await w.ann.get('/users/@me/guilds')).ok(200).some((g) => g.id === guild.id), 'still listed');
	});

	step('a bot that leaves: GUILD_DELETE for itself, GUILD_MEMBER_REMOVE for the other', async (w) => {
		const guild = (await w.ann.post('/guilds', { name: 'to leave' })).ok(200, 201);
		await w.addBot(w.ann, w.botA, guild.id);
		await w.addBot(w.ann, w.botB, guild.id);
		await w.a.sees('guildCreate', (g) => g.id === guild.id);
		await w.b.sees('guildCreate', (g) => g.id === guild.id);
		await w.a.client.guilds.cache.get(guild.id).leave();
		await w.a.sees('guildDelete', (g) => g.id === guild.id);
		await w.b.sees('guildMemberRemove', (m) => m.guild.id === guild.id && m.id === w.a.id);
		(await w.ann.get(`/guilds/${guild.id}/members/${w.a.id}`)).refused(404, 10007);
		(await w.a.rest.delete(`/users/@me/guilds/${guild.id}`)).refused(404, 10004);
		(await w.ann.delete(`/users/@me/guilds/${guild.id}`)).refused(400, 50055);
		const roles = (await w.ann.get(`/guilds/${guild.id}/roles`)).ok(200);
		assert(!roles.some((r) => r.tags?.bot_id === w.a.id), 'its managed role stayed');
	});
}
