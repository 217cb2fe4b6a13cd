// Reactions: add, list, take away in all four ways.
import { assert, equal, same } from '../lib/suite.js';
import { UNKNOWN } from '../lib/world.js';

const UP = '👍', HEART = '❤️';
const enc = encodeURIComponent;

async function message(w) {
	const channel = await w.channel();
	const sent = await channel.a.send('react to this');
	await w.b.sees('messageCreate', (m) => m.id === sent.id);
	const path = `/channels/${channel.id}/messages/${sent.id}`;
	return { channel, sent, path, reactions: async (who = w.ann) => (await who.get(path)).ok(200).reactions };
}

export default function (step) {
	step('a reaction is seen and counted', async (w) => {
		const { sent, path, reactions } = await message(w);
		await sent.react(UP);
		const [reaction, user, details] = await w.b.sees('messageReactionAdd', (r) => r.message.id === sent.id);
		equal([reaction.emoji.name, user.id], [UP, w.a.id]);
		assert(!details?.burst, 'burst');
		const [raw] = await reactions();
		equal([raw.emoji.name, raw.emoji.id, raw.count, raw.me], [UP, null, 1, false]);
		equal(raw.count_details, { normal: 1, burst: 0 });
		equal((await reactions(w.a.rest))[0].me, true, 'me for the one who reacted');
		const bob = await w.member();
		(await bob.put(`${path}/reactions/${enc(UP)}/@me`)).ok(204);
		await w.b.sees('messageReactionAdd', (r, u) => r.message.id === sent.id && u.id === bob.id);
		(await bob.put(`${path}/reactions/${enc(UP)}/@me`)).ok(204);
		equal((await reactions())[0].count, 2, 'counted once each');
	});

	step('who reacted can be paged', async (w) => {
		const { sent, path } = await message(w);
		const bob = await w.member();
		await sent.react(UP);
		await (await w.b.client.channels.cache.get(sent.channelId).messages.fetch(sent.id)).react(UP);
		(await bob.put(`${path}/reactions/${enc(UP)}/@me`)).ok(204);
		await w.b.sees('messageReactionAdd', (r, u) => r.message.id === sent.id && u.id === bob.id);
		const users = await sent.reactions.cache.get(UP).users.fetch();
		same(users.keys(), [w.a.id, w.b.id, bob.id], 'users');
		const sorted = [w.a.id, w.b.id, bob.id].sort((x, y) => Number(BigInt(x) - BigInt(y)));
		const page = async (query) => (await w.ann.get(`${path}/reactions/${enc(UP)}`, { query })).ok(200).map((u) => u.id);
		equal(await page({ limit: 2 }), sorted.slice(0, 2), 'limit');
		equal(await page({ after: sorted[1] }), sorted.slice(2), 'after');
		equal(await page({ after: sorted[2] }), [], 'after the last');
		equal(await page({ type: 1 }), [], 'super reactions');
		equal((await w.ann.get(`${path}/reactions/${enc(HEART)}`)).ok(200), [], 'of an emoji nobody used');
		(await w.ann.get(`${path}/reactions/${enc(UP)}`, { query: { limit: 101 } })).refused(400, 50035, 'limit');
	});

	step('own and others\' reactions are taken away', async (w) => {
		const { sent, path, reactions } = await message(w);
		const bob = await w.member();
		await sent.react(UP);
		(await bob.put(`${path}/reactions/${enc(UP)}/@me`)).ok(204);
		await w.b.sees('messageReactionAdd', (r, u) => r.message.id === sent.id && u.id === bob.id);
		await sent.reactions.cache.get(UP).users.remove();
		await w.b.sees('messageReactionRemove', (r, u) => r.message.id === sent.id && u.id === w.a.id);
		equal((await reactions())[0].count, 1);
		(await bob.delete(`${path}/reactions/${enc(UP)}/${w.a.id}`)).refused(403, 50013);
		(await w.b.rest.delete(`${path}/reactions/${enc(UP)}/${bob.id}`)).ok(204);
		await w.a.sees('messageReactionRemove', (r, u) => r.message.id === sent.id && u.id === bob.id);
		equal(await reactions(), undefined, 'reactions of a message that has none');
		// What is not there is taken away already, and nobody hears of it.
		(await w.a.rest.delete(`${path}/reactions/${enc(UP)}/@me`)).ok(204);
		(await w.b.rest.delete(`${path}/reactions/${enc(UP)}/${bob.id}`)).ok(204);
		(await bob.delete(`${path}/reactions/${enc(UP)}/${w.a.id}`)).refused(403, 50013);
		(await w.a.rest.delete(`${path}/reactions/nonsense/@me`)).refused(400, 10014);
	});

	step('all reactions of one emoji, and all of a message', async (w) => {
		const { channel, sent, path, reactions } = await message(w);
		await sent.react(UP);
		await sent.react(HEART);
		await w.b.sees('messageReactionAdd', (r) => r.message.id === sent.id && r.emoji.name === HEART);
		await sent.reactions.cache.get(UP).remove();
		await w.b.sees('messageReactionRemoveEmoji', (r) => r.message.id === sent.id && r.emoji.name === UP);
		equal((await reactions()).map((r) => r.emoji.name), [HEART]);
		await sent.reactions.removeAll();
		await w.b.sees('messageReactionRemoveAll', (m) => m.id === sent.id);
		equal(await reactions(), undefined);
		const bob = await w.member();
		(await bob.delete(`${path}/reactions`)).refused(403, 50013);
		(await bob.delete(`${path}/reactions/${enc(UP)}`)).refused(403, 50013);
		(await w.a.rest.delete(`/channels/${channel.id}/messages/${UNKNOWN}/reactions`)).refused(404, 10008);
	});

	step('reactions are refused: no such emoji, message or permission, too many', async (w) => {
		const { channel, sent, path } = await message(w);
		(await w.a.rest.put(`${path}/reactions/nonsense/@me`)).refused(400, 10014);
		(await w.a.rest.put(`${path}/reactions/${enc(`gone:${UNKNOWN}`)}/@me`)).refused(400, 10014);
		(await w.a.rest.put(`/channels/${channel.id}/messages/${UNKNOWN}/reactions/${enc(UP)}/@me`)).refused(404, 10008);
		const bob = await w.member();
		const shut = await w.channel({ permission_overwrites: [{ id: w.guildId, type: 0, deny: '64' }] });
		const other = await shut.a.send('no new ones');
		const there = `/channels/${shut.id}/messages/${other.id}/reactions`;
		(await bob.put(`${there}/${enc(UP)}/@me`)).refused(403, 50013);
		await other.react(UP);
		(await bob.put(`${there}/${enc(UP)}/@me`)).ok(204);
		for (let i = 0; i < 20; i++)
			(await w.a.rest.put(`${path}/reactions/${enc(String.fromCodePoint(0x1f600 + i))}/@me`)).ok(204);
		(await w.a.rest.put(`${path}/reactions/${enc(UP)}/@me`)).refused(400, 30010);
		equal((await w.ann.get(path)).ok(200).reactions.length, 20);
		await sent.delete();
		(await w.a.rest.put(`${path}/reactions/${enc(UP)}/@me`)).refused(404, 10008);
	});
}
