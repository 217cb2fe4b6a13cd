// Messages: send, reply, edit, delete, and what must be refused.
import { AttachmentBuilder, EmbedBuilder, MessageFlags, MessageReferenceType, MessageType } from 'discord.js';

import { Skip, assert, equal, same } from '../lib/suite.js';
import { UNKNOWN, rejects, sleep, tag } from '../lib/world.js';

const read = async (w, channel, id) => (await w.ann.get(`/channels/${channel}/messages/${id}`)).ok(200);

export default function (step) {
	step('a message arrives whole, in the event and in the read-back', async (w) => {
		const channel = await w.channel();
		const sent = await channel.a.send('hello **world** äöü 👋');
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === sent.id);
		equal(seen.content, 'hello **world** äöü 👋');
		equal([seen.author.id, seen.guildId, seen.channelId, seen.type], [w.a.id, w.guildId, channel.id, MessageType.Default]);
		assert(seen.member && seen.member.id === w.a.id, 'member is missing');
		assert(Math.abs(seen.createdTimestamp - Date.now()) < 60e3, 'timestamp');
		const raw = await read(w, channel.id, sent.id);
		equal(raw.content, seen.content);
		for (const key of ['embeds', 'attachments', 'mentions', 'mention_roles', 'components'])
			assert(Array.isArray(raw[key]), `${key} is ${JSON.stringify(raw[key])}`);
		equal([raw.tts, raw.mention_everyone, raw.pinned, raw.edited_timestamp, raw.flags], [false, false, false, null, 0]);
		assert(!('guild_id' in raw) && !('member' in raw), 'REST messages have neither guild_id nor member');
		assert(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/.test(raw.timestamp), `timestamp ${raw.timestamp}`);
		equal((await w.ann.get(`/channels/${channel.id}`)).ok(200).last_message_id, sent.id, 'last_message_id');
	});

	step('a person\'s message is read by bots, with its author and member', async (w) => {
		const bob = await w.member();
		const channel = await w.channel();
		const sent = (await bob.post(`/channels/${channel.id}/messages`, { content: 'from bob', nonce: '42' })).ok(200);
		equal(sent.nonce, '42', 'nonce');
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === sent.id);
		equal([seen.content, seen.author.username, seen.nonce], ['from bob', bob.username, '42']);
		assert(!seen.author.bot && seen.member, 'author or member');
	});

	step('enforceNonce gives the first message again', async (w) => {
		const channel = await w.channel();
		const nonce = tag();
		const one = await channel.a.send({ content: 'once', nonce, enforceNonce: true });
		const two = await channel.a.send({ content: 'once', nonce, enforceNonce: true });
		equal(two.id, one.id, 'id');
		await w.b.sees('messageCreate', (m) => m.id === one.id);
		const last = await channel.a.send('after');
		await w.b.sees('messageCreate', (m) => m.id === last.id);
		equal(w.b.count('messageCreate', (m) => m.channelId === channel.id), 2, 'messages seen');
		equal((await w.ann.get(`/channels/${channel.id}/messages`)).ok(200).length, 2, 'messages stored');
		(await w.a.rest.post(`/channels/${channel.id}/messages`, { content: 'x', nonce: 'x'.repeat(26) }))
			.refused(400, 50035, 'nonce');
	});

	step('a reply refers to its message and mentions its author', async (w) => {
		const channel = await w.channel();
		const first = await channel.a.send('question');
		const held = await channel.b.messages.fetch(first.id);
		const reply = await held.reply('answer');
		const [seen] = await w.a.sees('messageCreate', (m) => m.id === reply.id);
		equal([seen.type, seen.reference.messageId], [MessageType.Reply, first.id]);
		assert(seen.mentions.repliedUser?.id === w.a.id, 'replied user is not mentioned');
		equal((await seen.fetchReference()).content, 'question');
		const raw = await read(w, channel.id, reply.id);
		equal(raw.referenced_message.id, first.id);
		await first.delete();
		equal((await read(w, channel.id, reply.id)).referenced_message, null, 'after the target is deleted');
		(await w.a.rest.post(`/channels/${channel.id}/messages`, { content: 'x', message_reference: { message_id: UNKNOWN } }))
			.refused(400, 50035, 'message_reference');
		const kind = (await w.a.rest.post(`/channels/${channel.id}/messages`,
			{ content: 'x', message_reference: { message_id: UNKNOWN, fail_if_not_exists: false } })).ok(200);
		equal(kind.content, 'x');
	});

	step('allowed mentions decide who is mentioned', async (w) => {
		const channel = await w.channel();
		const role = await w.role({ mentionable: true });
		const text = `<@${w.b.id}> <@&${role.id}> @everyone`;
		const all = await channel.a.send(text);
		same((await read(w, channel.id, all.id)).mentions.map((m) => m.id), [w.b.id], 'mentions');
		equal((await read(w, channel.id, all.id)).mention_roles, [role.id]);
		equal((await read(w, channel.id, all.id)).mention_everyone, true);
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === all.id);
		assert(seen.mentions.users.has(w.b.id) && seen.mentions.roles.has(role.id) && seen.mentions.everyone, 'in the event');
		const none = await channel.a.send({ content: text, allowedMentions: { parse: [] } });
		const raw = await read(w, channel.id, none.id);
		equal([raw.mention_roles, raw.mention_everyone], [[], false]);
		const some = await channel.a.send({ content: text, allowedMentions: { parse: ['everyone'], users: [w.b.id] } });
		equal([(await read(w, channel.id, some.id)).mention_roles, (await read(w, channel.id, some.id)).mention_everyone],
			[[], true]);
		const bob = await w.member();
		const plain = (await bob.post(`/channels/${channel.id}/messages`, { content: '@everyone' })).ok(200);
		equal(plain.mention_everyone, false, 'of a member without the permission');
		(await w.a.rest.post(`/channels/${channel.id}/messages`, { content: text,
			allowed_mentions: { parse: ['users'], users: [w.b.id] } })).refused(400, 50035, 'allowed_mentions');
	});

	step('embeds come back as they were sent', async (w) => {
		const channel = await w.channel();
		const embed = new EmbedBuilder().setTitle('title').setDescription('text').setURL('https://example.com/')
			.setColor(0x123456).setTimestamp(1700000000000).setFooter({ text: 'foot' }).setAuthor({ name: 'me' })
			.addFields({ name: 'one', value: '1', inline: true }, { name: 'two', value: '2' });
		const sent = await channel.a.send({ embeds: [embed] });
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === sent.id);
		for (const got of [seen.embeds[0].data, (await read(w, channel.id, sent.id)).embeds[0]]) {
			equal([got.type, got.title, got.description, got.url, got.color], ['rich', 'title', 'text', 'https://example.com/', 0x123456]);
			equal([got.footer.text, got.author.name], ['foot', 'me']);
			equal(got.fields.map((f) => [f.name, f.value, Boolean(f.inline)]), [['one', '1', true], ['two', '2', false]], 'fields');
			equal(Date.parse(got.timestamp), 1700000000000, 'timestamp');
		}
	});

	step('embeds too long are refused at the right place', async (w) => {
		const channel = await w.channel();
		const path = `/channels/${channel.id}/messages`;
		const send = (embeds) => w.a.rest.post(path, { embeds });
		(await send([{ title: 'x'.repeat(257) }])).refused(400, 50035, 'embeds.0.title', 'BASE_TYPE_MAX_LENGTH');
		(await send([{ title: 'a' }, { description: 'x'.repeat(4097) }])).refused(400, 50035, 'embeds.1.description');
		(await send([{ fields: [{ name: 'a', value: 'b' }, { value: 'b' }] }]))
			.refused(400, 50035, 'embeds.0.fields.1.name', 'BASE_TYPE_REQUIRED');
		(await send(Array(11).fill({ title: 'a' }))).refused(400, 50035, 'embeds');
		(await send(Array(2).fill({ description: 'x'.repeat(4000) }))).refused(400, 50035);
		(await send([{ url: 'javascript:alert(1)', title: 'x' }])).refused(400, 50035, 'embeds.0.url');
	});

	step('flags: suppressed embeds and silent messages', async (w) => {
		const channel = await w.channel();
		const silent = await channel.a.send({ content: 'psst', flags: MessageFlags.SuppressNotifications });
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === silent.id);
		assert(seen.flags.has(MessageFlags.SuppressNotifications), 'flag is missing');
		const sent = await channel.a.send({ content: 'x', embeds: [{ title: 'away with it' }] });
		await w.b.sees('messageCreate', (m) => m.id === sent.id);
		await sent.suppressEmbeds(true);
		await w.b.sees('messageUpdate', (_, m) => m.id === sent.id && m.flags.has(MessageFlags.SuppressEmbeds));
		equal((await read(w, channel.id, sent.id)).flags, 4);
		const odd = (await w.a.rest.post(`/channels/${channel.id}/messages`, { content: 'x', flags: 1 })).ok(200);
		equal(odd.flags & 1, 0, 'CROSSPOSTED cannot be set by hand');
	});

	step('an edit is seen, with its time', async (w) => {
		const channel = await w.channel();
		const sent = await channel.a.send('first');
		await w.b.sees('messageCreate', (m) => m.id === sent.id);
		await sent.edit('second');
		const [before, after] = await w.b.sees('messageUpdate', (_, m) => m.id === sent.id);
		equal([before.content, after.content], ['first', 'second']);
		assert(after.editedTimestamp >= sent.createdTimestamp, 'edited_timestamp');
		const raw = await read(w, channel.id, sent.id);
		equal(raw.content, 'second');
		assert(raw.edited_timestamp, 'edited_timestamp in REST');
		equal(raw.timestamp.slice(0, 19), new Date(sent.createdTimestamp).toISOString().slice(0, 19), 'timestamp stays');
		await sent.edit({ content: '', embeds: [{ title: 'only this' }] });
		equal((await read(w, channel.id, sent.id)).content, '', 'content taken away');
		await rejects(sent.edit({ content: '', embeds: [] }), 400, 50006);
	});

	step('edits are refused: another\'s message, unknown, too long', async (w) => {
		const channel = await w.channel();
		const sent = await channel.a.send('mine');
		(await w.b.rest.patch(`/channels/${channel.id}/messages/${sent.id}`, { content: 'yours' })).refused(403, 50005);
		(await w.a.rest.patch(`/channels/${channel.id}/messages/${UNKNOWN}`, { content: 'x' })).refused(404, 10008);
		await rejects(sent.edit('x'.repeat(2001)), 400, 50035, 'content', 'BASE_TYPE_MAX_LENGTH');
		equal((await read(w, channel.id, sent.id)).content, 'mine');
	});

	step('MESSAGE_DELETE by the author and by who may', async (w) => {
		const channel = await w.channel();
		const [one, two] = [await channel.a.send('one'), await channel.a.send('two')];
		await w.b.sees('messageCreate', (m) => m.id === two.id);
		await one.delete();
		const [gone] = await w.b.sees('messageDelete', (m) => m.id === one.id);
		equal(gone.channelId, channel.id);
		(await w.ann.get(`/channels/${channel.id}/messages/${one.id}`)).refused(404, 10008);
		await channel.b.messages.delete(two.id);
		await w.a.sees('messageDelete', (m) => m.id === two.id);
		equal((await w.ann.get(`/channels/${channel.id}/messages`)).ok(200), []);
		const bob = await w.member();
		const three = await channel.a.send('three');
		(await bob.delete(`/channels/${channel.id}/messages/${three.id}`)).refused(403, 50013);
		(await w.a.rest.delete(`/channels/${channel.id}/messages/${one.id}`)).refused(404, 10008);
		(await w.a.rest.patch(`/channels/${channel.id}/messages/${one.id}`, { content: 'back?' })).refused(404, 10008);
	});

	step('MESSAGE_DELETE_BULK', async (w) => {
		const channel = await w.channel();
		const sent = [];
		for (let i = 0; i < 5; i++)
			sent.push(await channel.a.send(`n ${i}`));
		await w.b.sees('messageCreate', (m) => m.id === sent[4].id);
		const deleted = await channel.a.bulkDelete(sent.slice(0, 4).map((m) => m.id));
		equal(deleted.size, 4);
		const [gone] = await w.b.sees('messageDeleteBulk', (_, c) => c.id === channel.id);
		same(gone.keys(), sent.slice(0, 4).map((m) => m.id), 'ids');
		equal((await w.ann.get(`/channels/${channel.id}/messages`)).ok(200).map((m) => m.id), [sent[4].id]);
		const path = `/channels/${channel.id}/messages/bulk-delete`;
		(await w.a.rest.post(path, { messages: [sent[4].id] })).refused(400, 50016);
		(await w.a.rest.post(path, { messages: ['1', '2'] })).refused(400, 50034);
		(await w.a.rest.post(path, { messages: 'all' })).refused(400, 50035, 'messages');
		(await (await w.member()).post(path, { messages: [sent[4].id, sent[3].id] })).refused(403, 50013);
	});

	step('messages are refused: empty, too long, unknown channel, no permission, a category', async (w) => {
		const channel = await w.channel();
		const path = `/channels/${channel.id}/messages`;
		(await w.a.rest.post(path, {})).refused(400, 50006);
		(await w.a.rest.post(path, { content: '   ' })).refused(400, 50006);
		await rejects(channel.a.send('x'.repeat(2001)), 400, 50035, 'content', 'BASE_TYPE_MAX_LENGTH');
		(await w.a.rest.post(path, { content: { not: 'text' } })).refused(400, 50035, 'content');
		(await w.a.rest.post(path, ['x'])).refused(400, 50035);
		(await w.a.rest.post(`/channels/${UNKNOWN}/messages`, { content: 'x' })).refused(404, 10003);
		const mute = await w.channel({ permission_overwrites: [{ id: w.guildId, type: 0, deny: '2048' }] });
		(await (await w.member()).post(`/channels/${mute.id}/messages`, { content: 'x' })).refused(403, 50013);
		const category = await w.channel({ type: 4 });
		(await w.a.rest.post(`/channels/${category.id}/messages`, { content: 'x' })).refusedAs([400, 50008], [400, 50024]);
		(await w.nobody.post(path, { content: 'x' })).refused(401, 0);
		equal((await w.ann.get(path)).ok(200), [], 'nothing was stored');
	});

	step('content of 4000 is for people, 2000 for bots', async (w) => {
		const channel = await w.channel();
		const bob = await w.member();
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'ä'.repeat(4000) })).ok(200);
		(await bob.post(`/channels/${channel.id}/messages`, { content: 'x'.repeat(4001) }))
			.refused(400, 50035, 'content', 'BASE_TYPE_MAX_LENGTH');
		await channel.a.send('👋'.repeat(2000));
	});

	step('attachments: a file comes back', async (w) => {
		const channel = await w.channel();
		let sent;
		try {
			sent = await channel.a.send({ content: 'with a file', files: [
				new AttachmentBuilder(Buffer.from('some bytes'), { name: 'note.txt', description: 'a note' })] });
		} catch (error) {
			if (error.status === 404 && error.code === 0 || error.status === 415)
				throw new Skip(`files are not served: ${error.message}`);
			throw error;
		}
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === sent.id);
		const file = seen.attachments.first();
		assert(file, 'no attachment in the event');
		equal([file.name, file.size, file.description], ['note.txt', 10, 'a note']);
		assert(/^text\/plain/.test(file.contentType), `content_type ${file.contentType}`);
		equal(await (await fetch(file.url)).text(), 'some bytes', 'content of the file');
		equal((await read(w, channel.id, sent.id)).attachments[0].id, file.id);
	});

	step('a message of an announcement channel is published once', async (w) => {
		const news = await w.channel({ type: 5 });
		const sent = await news.a.send('news');
		try {
			await sent.crosspost();
		} catch (error) {
			if (error.status === 404 && error.code === 0)
				throw new Skip('crosspost is not served');
			throw error;
		}
		await w.b.sees('messageUpdate', (_, m) => m.id === sent.id && m.flags.has(MessageFlags.Crossposted));
		equal((await read(w, news.id, sent.id)).flags & 1, 1, 'flag');
		await rejects(sent.crosspost(), 400, 40033);
		const text = await w.channel();
		const other = await text.a.send('no news');
		(await w.a.rest.post(`/channels/${text.id}/messages/${other.id}/crosspost`, {})).refusedAs([400, 50024], [400, 50068]);
	});

	step('a forward carries a snapshot', async (w) => {
		const [from, to] = [await w.channel(), await w.channel()];
		const sent = await from.a.send('pass it on');
		const forwarded = await sent.forward(to.id);
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === forwarded.id);
		equal([seen.content, seen.reference.type, seen.reference.messageId], ['', MessageReferenceType.Forward, sent.id]);
		equal(seen.messageSnapshots.first()?.content, 'pass it on');
		const raw = await read(w, to.id, forwarded.id);
		equal(raw.message_snapshots[0].message.content, 'pass it on');
		assert(raw.flags & 1 << 14, 'HAS_SNAPSHOT');
		(await w.a.rest.post(`/channels/${to.id}/messages`, { message_reference: {
			type: 1, channel_id: from.id, message_id: UNKNOWN } })).refused(400, 50035);
	});

	step('a burst keeps its order for everybody', async (w) => {
		const channel = await w.channel();
		const sent = await Promise.all(Array.from({ length: 30 }, (_, i) => channel.a.send(`burst ${i}`)));
		const last = sent.map((m) => m.id).sort().at(-1);
		for (const watch of [w.a, w.b]) {
			await watch.sees('messageCreate', (m) => m.id === last);
			await sleep(50);
			const ids = watch.seen.slice(watch.from).filter((s) => s.event === 'messageCreate')
				.map((s) => s.args[0]).filter((m) => m.channelId === channel.id).map((m) => m.id);
			equal(ids.length, 30, `messages seen by ${watch.name}`);
			equal(ids, [...ids].sort(), 'order');
		}
		equal((await w.ann.get(`/channels/${channel.id}/messages`, { query: { limit: 100 } })).ok(200).map((m) => m.id),
			sent.map((m) => m.id).sort().reverse(), 'history');
	});
}
