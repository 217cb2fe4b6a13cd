// Pins, by both families of routes.
import { MessageType } from 'discord.js';

import { assert, equal } from '../lib/suite.js';
import { UNKNOWN } from '../lib/world.js';

export default function (step) {
	step('a pin: CHANNEL_PINS_UPDATE, MESSAGE_UPDATE and a notice', async (w) => {
		const channel = await w.channel();
		const sent = await channel.a.send('keep this');
		await w.b.sees('messageCreate', (m) => m.id === sent.id);
		await sent.pin('worth it');
		await w.b.sees('channelPinsUpdate', (c) => c.id === channel.id);
		await w.b.sees('messageUpdate', (_, m) => m.id === sent.id && m.pinned);
		const [notice] = await w.b.sees('messageCreate', (m) => m.channelId === channel.id &&
			m.type === MessageType.ChannelPinnedMessage);
		equal([notice.reference?.messageId, notice.author.id, notice.content], [sent.id, w.a.id, '']);
		equal((await w.ann.get(`/channels/${channel.id}/messages/${sent.id}`)).ok(200).pinned, true);
		assert((await w.ann.get(`/channels/${channel.id}`)).ok(200).last_pin_timestamp, 'last_pin_timestamp');
	});

	step('both lists show pins, newest first', async (w) => {
		const channel = await w.channel();
		const sent = [];
		for (let i = 0; i < 3; i++) {
			sent.push(await channel.a.send(`p ${i}`));
			(await w.a.rest.put(`/channels/${channel.id}/messages/pins/${sent[i].id}`)).ok(204);
		}
		const ids = sent.map((m) => m.id).reverse();
		const list = (await w.ann.get(`/channels/${channel.id}/messages/pins`)).ok(200);
		equal(list.items.map((i) => i.message.id), ids, 'new list');
		equal(list.has_more, false);
		assert(list.items.every((i) => !Number.isNaN(Date.parse(i.pinned_at))), 'pinned_at');
		const page = (await w.ann.get(`/channels/${channel.id}/messages/pins`, { query: { limit: 2 } })).ok(200);
		equal([page.items.length, page.has_more], [2, true]);
		const next = (await w.ann.get(`/channels/${channel.id}/messages/pins`,
			{ query: { before: page.items[1].pinned_at } })).ok(200);
		equal(next.items.map((i) => i.message.id), [ids[2]], 'next page');
		equal((await w.ann.get(`/channels/${channel.id}/pins`)).ok(200).map((m) => m.id), ids, 'old list');
		const fetched = await channel.b.messages.fetchPins();
		equal(fetched.items.map((i) => i.message.id), ids, 'through the library');
	});

	step('unpinning, the old way and the new', async (w) => {
		const channel = await w.channel();
		const [one, two] = [await channel.a.send('one'), await channel.a.send('two')];
		(await w.a.rest.put(`/channels/${channel.id}/pins/${one.id}`)).ok(204);
		(await w.a.rest.put(`/channels/${channel.id}/pins/${two.id}`)).ok(204);
		(await w.a.rest.put(`/channels/${channel.id}/pins/${two.id}`)).ok(204);
		equal((await w.ann.get(`/channels/${channel.id}/pins`)).ok(200).length, 2, 'pinned twice counts once');
		await one.unpin();
		await w.b.sees('messageUpdate', (_, m) => m.id === one.id && !m.pinned);
		(await w.a.rest.delete(`/channels/${channel.id}/pins/${two.id}`)).ok(204);
		equal((await w.ann.get(`/channels/${channel.id}/messages/pins`)).ok(200).items, []);
		const again = await channel.a.send('three');
		await again.pin();
		await again.delete();
		equal((await w.ann.get(`/channels/${channel.id}/pins`)).ok(200), [], 'a deleted message is no pin');
	});

	step('pins are refused: PIN_MESSAGES, unknown message or channel', async (w) => {
		const channel = await w.channel();
		const sent = await channel.a.send('not by you');
		const bob = await w.member();
		(await bob.put(`/channels/${channel.id}/messages/pins/${sent.id}`)).refused(403, 50013);
		(await bob.delete(`/channels/${channel.id}/pins/${sent.id}`)).refused(403, 50013);
		(await w.a.rest.put(`/channels/${channel.id}/messages/pins/${UNKNOWN}`)).refused(404, 10008);
		(await w.a.rest.get(`/channels/${UNKNOWN}/messages/pins`)).refused(404, 10003);
		(await w.a.rest.get(`/channels/${channel.id}/messages/pins`, { query: { limit: 51 } })).refused(400, 50035, 'limit');
		(await w.ann.put(`/channels/${channel.id}/permissions/${w.guildId}`, { type: 0, allow: String(1n << 51n) })).ok(204);
		(await bob.put(`/channels/${channel.id}/messages/pins/${sent.id}`)).ok(204);
	});
}
