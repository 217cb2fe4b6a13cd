// Channels of every kind: create, read, edit, move, delete.
import { ChannelType, PermissionFlagsBits } from 'discord.js';

import { assert, equal, same } from '../lib/suite.js';
import { UNKNOWN, rejects, tag } from '../lib/world.js';

const read = async (w, id) => (await w.ann.get(`/channels/${id}`)).ok(200);

export default function (step) {
	step('a text channel is created with all it was given', async (w) => {
		const name = `text-${tag()}`;
		const made = await w.ga.channels.create({ name, topic: 'of this and that', nsfw: true, rateLimitPerUser: 7,
			reason: 'needed' });
		const [seen] = await w.b.sees('channelCreate', (c) => c.id === made.id);
		for (const channel of [made, seen])
			equal([channel.name, channel.topic, channel.nsfw, channel.rateLimitPerUser, channel.type],
				[name, 'of this and that', true, 7, ChannelType.GuildText]);
		const raw = await read(w, made.id);
		equal([raw.name, raw.topic, raw.nsfw, raw.rate_limit_per_user, raw.guild_id, raw.last_message_id],
			[name, 'of this and that', true, 7, w.guildId, null]);
		assert(Array.isArray(raw.permission_overwrites), 'permission_overwrites is no array');
		assert(Number.isInteger(raw.position), 'position is missing');
	});

	step('an announcement channel can become a text channel and back', async (w) => {
		const made = await w.ga.channels.create({ name: `news-${tag()}`, type: ChannelType.GuildAnnouncement });
		await w.b.sees('channelCreate', (c) => c.id === made.id && c.type === ChannelType.GuildAnnouncement);
		await made.setType(ChannelType.GuildText);
		await w.b.sees('channelUpdate', (_, c) => c.id === made.id && c.type === ChannelType.GuildText);
		equal((await read(w, made.id)).type, 0);
		(await w.a.rest.patch(`/channels/${made.id}`, { type: 2 })).refused(400, 50035, 'type');
	});

	step('a voice channel has bitrate, limit and region', async (w) => {
		const made = await w.ga.channels.create({ name: `Voice ${tag()}`, type: ChannelType.GuildVoice, bitrate: 96000,
			userLimit: 12 });
		const [seen] = await w.b.sees('channelCreate', (c) => c.id === made.id);
		equal([seen.bitrate, seen.userLimit, seen.type], [96000, 12, ChannelType.GuildVoice]);
		await made.edit({ bitrate: 64000, userLimit: 0 });
		await w.b.sees('channelUpdate', (_, c) => c.id === made.id && c.bitrate === 64000);
		const raw = await read(w, made.id);
		equal([raw.bitrate, raw.user_limit, raw.rtc_region], [64000, 0, null]);
		(await w.a.rest.patch(`/channels/${made.id}`, { user_limit: 100 })).refused(400, 50035, 'user_limit');
		(await w.a.rest.patch(`/channels/${made.id}`, { bitrate: 100 })).refused(400, 50035, 'bitrate');
	});

	step('a category hands its overwrites to a new child', async (w) => {
		const category = await w.ga.channels.create({ name: `Cat ${tag()}`, type: ChannelType.GuildCategory,
			permissionOverwrites: [{ id: w.guildId, deny: [PermissionFlagsBits.SendMessages] }] });
		await w.b.sees('channelCreate', (c) => c.id === category.id);
		const child = await w.ga.channels.create({ name: `child-${tag()}`, parent: category.id });
		const [seen] = await w.b.sees('channelCreate', (c) => c.id === child.id);
		equal(seen.parentId, category.id);
		assert(seen.permissionsLocked, 'child is not in step with its category');
		const own = await w.ga.channels.create({ name: `own-${tag()}`, parent: category.id, permissionOverwrites: [] });
		equal((await read(w, own.id)).permission_overwrites.length, 0, 'overwrites of a child with its own');
		(await w.a.rest.post(`/guilds/${w.guildId}/channels`, { name: 'x', type: 4, parent_id: category.id }))
			.refused(400, 50035);
		(await w.a.rest.post(`/guilds/${w.guildId}/channels`, { name: 'x', type: 0, parent_id: UNKNOWN }))
			.refused(400, 50035, 'parent_id');
	});

	step('an edit is seen and read back', async (w) => {
		const channel = await w.channel();
		const name = `renamed-${tag()}`;
		const edited = await channel.a.edit({ name, topic: 'new', rateLimitPerUser: 30, reason: 'better' });
		equal(edited.name, name);
		const [before, after] = await w.b.sees('channelUpdate', (_, c) => c.id === channel.id && c.name === name);
		equal(before.name, channel.made.name, 'name before');
		equal([after.topic, after.rateLimitPerUser], ['new', 30]);
		await channel.a.edit({ topic: null, rateLimitPerUser: 0 });
		const raw = await read(w, channel.id);
		equal([raw.name, raw.topic, raw.rate_limit_per_user], [name, null, 0]);
	});

	step('channels are refused to plain members, with bad bodies and unknown ids', async (w) => {
		const bob = await w.member();
		const channel = await w.channel();
		(await bob.post(`/guilds/${w.guildId}/channels`, { name: 'bobs' })).refused(403, 50013);
		(await bob.patch(`/channels/${channel.id}`, { name: 'bobs' })).refused(403, 50013);
		(await bob.delete(`/channels/${channel.id}`)).refused(403, 50013);
		await rejects(w.ga.channels.create({ name: '' }), 400, 50035, 'name', 'BASE_TYPE_BAD_LENGTH');
		await rejects(channel.a.setTopic('x'.repeat(1025)), 400, 50035, 'topic', 'BASE_TYPE_MAX_LENGTH');
		await rejects(channel.a.setRateLimitPerUser(21601), 400, 50035, 'rate_limit_per_user');
		(await w.a.rest.post(`/guilds/${w.guildId}/channels`, { name: 'x', type: 99 })).refused(400, 50035, 'type');
		(await w.a.rest.get(`/channels/${UNKNOWN}`)).refused(404, 10003);
		(await w.a.rest.patch(`/channels/${UNKNOWN}`, { name: 'x' })).refused(404, 10003);
		(await w.a.rest.delete(`/channels/${UNKNOWN}`)).refused(404, 10003);
		(await w.a.rest.post(`/guilds/${UNKNOWN}/channels`, { name: 'x' })).refused(404, 10004);
	});

	step('channels move: positions, into a category with its overwrites, out again', async (w) => {
		const category = await w.channel({ type: 4, permission_overwrites: [{ id: w.guildId, type: 0, deny: '2048' }] });
		const [one, two] = [await w.channel(), await w.channel()];
		await w.ga.channels.setPositions([{ channel: one.id, position: 40 }, { channel: two.id, position: 30 }]);
		await w.b.sees('channelUpdate', (_, c) => c.id === one.id || c.id === two.id);
		const list = (await w.ann.get(`/guilds/${w.guildId}/channels`)).ok(200);
		const at = (id) => list.find((c) => c.id === id).position;
		assert(at(one.id) > at(two.id), `positions are ${at(one.id)} and ${at(two.id)}`);
		await one.a.setParent(category.id, { lockPermissions: true });
		const [, moved] = await w.b.sees('channelUpdate', (_, c) => c.id === one.id && c.parentId === category.id);
		assert(moved.permissionsLocked, 'did not take over the overwrites');
		await two.a.setParent(category.id, { lockPermissions: false });
		equal((await read(w, two.id)).permission_overwrites.length, 0, 'overwrites of the one moved as it was');
		await one.a.setParent(null, { lockPermissions: false });
		await w.b.sees('channelUpdate', (_, c) => c.id === one.id && c.parentId === null);
		(await (await w.member()).patch(`/guilds/${w.guildId}/channels`, [{ id: one.id, position: 1 }]))
			.refused(403, 50013);
		(await w.a.rest.patch(`/guilds/${w.guildId}/channels`, [{ id: one.id, position: 'x' }])).refused(400, 50035);
	});

	step('an edit of a category rewrites the children that are in step with it', async (w) => {
		const category = await w.channel({ type: 4 });
		const child = await w.channel({ parent_id: category.id });
		const alone = await w.channel({ parent_id: category.id,
			permission_overwrites: [{ id: w.guildId, type: 0, deny: '32768' }] });
		await category.a.permissionOverwrites.edit(w.guildId, { AddReactions: false });
		await w.b.sees('channelUpdate', (_, c) => c.id === child.id &&
			c.permissionOverwrites.cache.get(w.guildId)?.deny.has('AddReactions'));
		equal((await read(w, child.id)).permission_overwrites,
			(await read(w, category.id)).permission_overwrites, 'overwrites of the child');
		await category.a.permissionOverwrites.edit(w.guildId, { SendMessages: false });
		equal((await read(w, alone.id)).permission_overwrites[0].deny, '32768', 'the one not in step');
	});

	step('CHANNEL_DELETE, and everything under the channel is gone', async (w) => {
		const channel = await w.channel();
		const message = await channel.a.send('last words');
		await channel.a.delete('done with it');
		await w.b.sees('channelDelete', (c) => c.id === channel.id);
		(await w.ann.get(`/channels/${channel.id}`)).refused(404, 10003);
		(await w.ann.get(`/channels/${channel.id}/messages/${message.id}`)).refused(404, 10003);
		(await w.ann.post(`/channels/${channel.id}/messages`, { content: 'hello?' })).refused(404, 10003);
		(await w.ann.delete(`/channels/${channel.id}`)).refused(404, 10003);
		assert(!(await w.ann.get(`/guilds/${w.guildId}/channels`)).ok(200).some((c) => c.id === channel.id), 'still listed');
	});

	step('deleting a category lets its children go free', async (w) => {
		const category = await w.channel({ type: 4 });
		const child = await w.channel({ parent_id: category.id });
		await category.a.delete();
		await w.b.sees('channelDelete', (c) => c.id === category.id);
		await w.b.sees('channelUpdate', (_, c) => c.id === child.id && c.parentId === null);
		equal((await read(w, child.id)).parent_id, null);
	});

	step('a hidden channel: not listed, 403 50001, and nothing of it by id', async (w) => {
		const bob = await w.member();
		const channel = await w.channel({ permission_overwrites: [{ id: w.guildId, type: 0, deny: '1024', allow: '0' }] });
		const message = await channel.a.send('secret');
		const listed = (await bob.get(`/guilds/${w.guildId}/channels`)).ok(200);
		assert(!listed.some((c) => c.id === channel.id), 'listed');
		assert((await w.a.rest.get(`/guilds/${w.guildId}/channels`)).ok(200).some((c) => c.id === channel.id),
			'not listed for the bot');
		(await bob.get(`/channels/${channel.id}`)).refused(403, 50001);
		(await bob.get(`/channels/${channel.id}/messages`)).refused(403, 50001);
		(await bob.get(`/channels/${channel.id}/messages/${message.id}`)).refused(403, 50001);
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'x' })).refused(403, 50001);
		(await bob.put(`/channels/${channel.id}/messages/${message.id}/reactions/%F0%9F%91%8D/@me`)).refused(403, 50001);
	});

	step('the list of channels agrees with the cache', async (w) => {
		const raw = (await w.a.rest.get(`/guilds/${w.guildId}/channels`)).ok(200);
		const fetched = await w.gb.channels.fetch();
		same(raw.map((c) => c.id), [...fetched.keys()], 'channels');
		same(w.gb.channels.cache.filter((c) => !c.isThread()).map((c) => c.id), [...fetched.keys()], 'cache');
		(await (await w.register('cid')).get(`/guilds/${w.guildId}/channels`)).refused(404, 10004);
	});

	step('slow mode holds a plain member back, never a bot', async (w) => {
		const bob = await w.member();
		const channel = await w.channel({ rate_limit_per_user: 60 });
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'one' })).ok(200);
		const body = (await bob.post(`/channels/${channel.id}/messages`, { content: 'two' })).refused(429, 20016);
		assert(body.retry_after > 0 && body.retry_after <= 60, `retry_after ${body.retry_after}`);
		await channel.a.send('three');
		await channel.a.send('four');
	});

	step('typing is seen by the other', async (w) => {
		const channel = await w.channel();
		await channel.a.sendTyping();
		const [typing] = await w.b.sees('typingStart', (t) => t.channel.id === channel.id && t.user.id === w.a.id);
		assert(Math.abs(typing.startedTimestamp - Date.now()) < 60e3, `timestamp ${typing.startedTimestamp}: seconds?`);
		(await w.a.rest.post(`/channels/${UNKNOWN}/typing`, {})).refused(404, 10003);
		const mute = await w.channel({ permission_overwrites: [{ id: w.guildId, type: 0, deny: '2048' }] });
		(await (await w.member()).post(`/channels/${mute.id}/typing`, {})).refused(403, 50013);
	});
}
