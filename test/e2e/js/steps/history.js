// Reading messages back: before, after, around, limit.
import { assert, equal } from '../lib/suite.js';
import { UNKNOWN } from '../lib/world.js';

async function filled(w, count) {
	const channel = await w.channel();
	const ids = [];
	for (let i = 0; i < count; i++)
		ids.push((await channel.a.send(`m ${i}`)).id);
	await w.b.sees('messageCreate', (m) => m.id === ids.at(-1));
	return { channel, ids };
}

export default function (step) {
	step('history: limit, before, after, around', async (w) => {
		const { channel, ids } = await filled(w, 12);
		const get = async (query) => (await w.b.rest.get(`/channels/${channel.id}/messages`, { query })).ok(200).map((m) => m.id);
		const newest = [...ids].reverse();
		equal(await get({}), newest, 'all, newest first');
		equal(await get({ limit: 5 }), newest.slice(0, 5), 'limit');
		equal(await get({ before: ids[6], limit: 3 }), [ids[5], ids[4], ids[3]], 'before');
		equal(await get({ after: ids[2], limit: 3 }), [ids[5], ids[4], ids[3]], 'after gives the oldest above');
		equal(await get({ around: ids[6], limit: 5 }), [ids[8], ids[7], ids[6], ids[5], ids[4]], 'around');
		equal(await get({ after: ids[11] }), [], 'after the last');
		equal(await get({ before: ids[0] }), [], 'before the first');
	});

	step('the library pages the same way', async (w) => {
		const { channel, ids } = await filled(w, 7);
		const page = await channel.b.messages.fetch({ limit: 3, before: ids[5] });
		equal([...page.keys()], [ids[4], ids[3], ids[2]]);
		const rest = await channel.b.messages.fetch({ limit: 100, after: ids[1] });
		equal(rest.size, 5);
		equal((await channel.b.messages.fetch(ids[3])).content, 'm 3');
	});

	step('history passes over deleted messages and follows edits', async (w) => {
		const { channel, ids } = await filled(w, 6);
		await channel.a.messages.delete(ids[2]);
		await channel.a.messages.edit(ids[3], 'changed');
		await w.b.sees('messageUpdate', (_, m) => m.id === ids[3]);
		const list = (await w.ann.get(`/channels/${channel.id}/messages`, { query: { limit: 4, after: ids[0] } })).ok(200);
		equal(list.map((m) => m.content), ['m 5', 'm 4', 'changed', 'm 1']);
	});

	step('history is refused with bad queries and unknown ids', async (w) => {
		const { channel, ids } = await filled(w, 1);
		const get = (query) => w.a.rest.get(`/channels/${channel.id}/messages`, { query });
		(await get({ limit: 0 })).refused(400, 50035, 'limit', 'NUMBER_TYPE_MIN');
		(await get({ limit: 101 })).refused(400, 50035, 'limit', 'NUMBER_TYPE_MAX');
		(await get({ limit: 'many' })).refused(400, 50035, 'limit', 'NUMBER_TYPE_COERCE');
		(await get({ before: 'yesterday' })).refused(400, 50035, 'before', 'NUMBER_TYPE_COERCE');
		(await w.a.rest.get(`/channels/${UNKNOWN}/messages`)).refused(404, 10003);
		(await w.a.rest.get(`/channels/${channel.id}/messages/${UNKNOWN}`)).refused(404, 10008);
		(await w.a.rest.get(`/channels/${w.hall}/messages/${ids[0]}`)).refused(404, 10008);
	});

	step('without READ_MESSAGE_HISTORY the list is empty and a reply refused', async (w) => {
		const channel = await w.channel({ permission_overwrites: [{ id: w.guildId, type: 0, deny: '65536' }] });
		const bob = await w.member();
		const sent = await channel.a.send('before you came');
		equal((await bob.get(`/channels/${channel.id}/messages`)).ok(200), []);
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'x', message_reference: { message_id: sent.id } }))
			.refused(400, 160002);
		const own = (await bob.post(`/channels/${channel.id}/messages`, { content: 'live' })).ok(200);
		assert(own.id > sent.id, 'order');
	});
}
