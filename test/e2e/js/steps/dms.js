// Direct messages between a bot and a person.
import { ChannelType } from 'discord.js';

import { equal } from '../lib/suite.js';
import { UNKNOWN } from '../lib/world.js';

export default function (step) {
	step('a bot writes to a member, who answers', async (w) => {
		const bob = await w.member();
		const user = await w.a.client.users.fetch(bob.id);
		const sent = await user.send('psst');
		equal([sent.channel.type, sent.guildId], [ChannelType.DM, null]);
		const listed = (await bob.get('/users/@me/channels')).ok(200).find((c) => c.id === sent.channelId);
		equal([listed?.type, listed?.recipients.map((r) => r.id)], [1, [w.a.id]], 'channel of the person');
		equal((await bob.get(`/channels/${sent.channelId}/messages`)).ok(200).map((m) => m.content), ['psst']);
		const answer = (await bob.post(`/channels/${sent.channelId}/messages`, { content: 'what?' })).ok(200);
		const [seen] = await w.a.sees('messageCreate', (m) => m.id === answer.id);
		equal([seen.content, seen.author.id, seen.guildId, seen.member], ['what?', bob.id, null, null]);
		equal(w.b.count('messageCreate', (m) => m.channelId === sent.channelId), 0, 'bot b saw');
		await sent.edit('never mind');
		equal((await bob.get(`/channels/${sent.channelId}/messages/${sent.id}`)).ok(200).content, 'never mind');
		(await bob.put(`/channels/${sent.channelId}/messages/${sent.id}/reactions/%F0%9F%91%8D/@me`)).ok(204);
		await w.a.sees('messageReactionAdd', (r, u) => r.message.id === sent.id && u.id === bob.id);
		(await bob.post(`/channels/${sent.channelId}/typing`, {})).ok(204, 200);
		await w.a.sees('typingStart', (t) => t.user.id === bob.id && t.channel.id === sent.channelId);
		await sent.delete();
		equal((await bob.get(`/channels/${sent.channelId}/messages`)).ok(200).map((m) => m.id), [answer.id]);
	});

	step('the same DM is opened again', async (w) => {
		const bob = await w.member();
		const open = async () => (await w.a.rest.post('/users/@me/channels', { recipient_id: bob.id })).ok(200);
		const [one, two] = [await open(), await open()];
		equal(one.id, two.id);
		const other = (await bob.post('/users/@me/channels', { recipients: [w.a.id] })).ok(200);
		equal(other.id, one.id, 'from the other side');
		equal((await w.a.rest.get(`/channels/${one.id}`)).ok(200).recipients.map((r) => r.id), [bob.id]);
	});

	step('DMs are refused: oneself, nobody, strangers, others\' channels', async (w) => {
		const bob = await w.member();
		(await w.a.rest.post('/users/@me/channels', { recipient_id: w.a.id })).refused(400, 50033);
		(await w.a.rest.post('/users/@me/channels', { recipient_id: UNKNOWN })).refused(400, 50033);
		(await w.a.rest.post('/users/@me/channels', {})).refused(400, 50035);
		const dm = (await w.a.rest.post('/users/@me/channels', { recipient_id: bob.id })).ok(200);
		(await w.b.rest.get(`/channels/${dm.id}/messages`)).refused(403, 50001);
		(await w.b.rest.post(`/channels/${dm.id}/messages`, { content: 'x' })).refused(403, 50001);
		(await w.a.rest.put(`/channels/${dm.id}/permissions/${bob.id}`, { type: 1, allow: '1' })).refused(403, 50003);
		const stranger = await w.register('stranger');
		const opened = await w.a.rest.post('/users/@me/channels', { recipient_id: stranger.id });
		const answer = opened.status === 200
			? await w.a.rest.post(`/channels/${opened.body.id}/messages`, { content: 'hi' }) : opened;
		answer.refusedAs([403, 50278], [403, 50007]);
	});
}
