// Components: rows of buttons and selects (the first kind), and whole layouts (the second).
import {
	ActionRowBuilder, ButtonBuilder, ButtonStyle, ContainerBuilder, MediaGalleryBuilder, MediaGalleryItemBuilder, MessageFlags,
	RoleSelectMenuBuilder, SectionBuilder, SeparatorBuilder, StringSelectMenuBuilder, TextDisplayBuilder,
} from 'discord.js';

import { assert, equal } from '../lib/suite.js';

const read = async (w, channel, id) => (await w.ann.get(`/channels/${channel}/messages/${id}`)).ok(200);
const button = (id) => ({ type: 2, style: 1, label: 'x', custom_id: id });

export default function (step) {
	step('rows of buttons and selects', async (w) => {
		const channel = await w.channel();
		const sent = await channel.a.send({ content: 'choose', components: [
			new ActionRowBuilder().addComponents(
				new ButtonBuilder().setCustomId('yes').setLabel('Yes').setStyle(ButtonStyle.Success).setEmoji('👍'),
				new ButtonBuilder().setURL('https://example.com/').setLabel('Look').setStyle(ButtonStyle.Link)),
			new ActionRowBuilder().addComponents(
				new StringSelectMenuBuilder().setCustomId('pick').setPlaceholder('one').addOptions(
					{ label: 'A', value: 'a', default: true }, { label: 'B', value: 'b', description: 'second' })),
			new ActionRowBuilder().addComponents(new RoleSelectMenuBuilder().setCustomId('role').setMaxValues(2)),
		] });
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === sent.id);
		equal(seen.components.length, 3, 'rows');
		equal(seen.components[0].components[0].customId, 'yes');
		const raw = (await read(w, channel.id, sent.id)).components;
		const ids = raw.flatMap((r) => [r.id, ...r.components.map((c) => c.id)]);
		assert(ids.every(Number.isInteger) && new Set(ids).size === ids.length, `ids ${ids}`);
		equal([raw[0].components[0].label, raw[0].components[0].style, raw[0].components[0].emoji.name], ['Yes', 3, '👍']);
		equal(raw[0].components[1].url, 'https://example.com/');
		equal(raw[1].components[0].options.map((o) => [o.label, o.value]), [['A', 'a'], ['B', 'b']]);
		equal(raw[2].components[0].max_values, 2);
		await sent.edit({ components: [] });
		await w.b.sees('messageUpdate', (_, m) => m.id === sent.id && m.components.length === 0);
		equal((await read(w, channel.id, sent.id)).components, []);
	});

	step('rows are refused where they are wrong', async (w) => {
		const channel = await w.channel();
		const send = (components) => w.a.rest.post(`/channels/${channel.id}/messages`, { content: 'x', components });
		const row = (...components) => ({ type: 1, components });
		(await send(Array(6).fill(0).map((_, i) => row(button(`b${i}`))))).refused(400, 50035, 'components');
		(await send([row(...Array(6).fill(0).map((_, i) => button(`b${i}`)))])).refused(400, 50035, 'components.0.components');
		(await send([row({ type: 2, style: 1, label: 'x' })])).refused(400, 50035, 'components.0.components.0.custom_id');
		(await send([row({ ...button('a'), label: 'x'.repeat(81) })])).refused(400, 50035, 'components.0.components.0.label');
		(await send([row(button('same'), button('same'))])).refused(400, 50035);
		(await send([row({ type: 99 })])).refused(400, 50035, 'components.0.components.0.type');
		(await send([row({ type: 3, custom_id: 's', options: [] })])).refused(400, 50035, 'components.0.components.0.options');
		(await send([{ type: 10, content: 'needs the flag' }])).refused(400, 50035);
	});

	step('a layout of the second kind', async (w) => {
		const channel = await w.channel();
		const container = new ContainerBuilder().setAccentColor(0xff8800)
			.addTextDisplayComponents(new TextDisplayBuilder().setContent('# Head'))
			.addSeparatorComponents(new SeparatorBuilder().setDivider(true))
			.addSectionComponents(new SectionBuilder()
				.addTextDisplayComponents(new TextDisplayBuilder().setContent('beside a button'))
				.setButtonAccessory(new ButtonBuilder().setCustomId('go').setLabel('Go').setStyle(ButtonStyle.Primary)))
			.addMediaGalleryComponents(new MediaGalleryBuilder().addItems(
				new MediaGalleryItemBuilder().setURL('https://example.com/a.png').setDescription('a')));
		const sent = await channel.a.send({ flags: MessageFlags.IsComponentsV2, components: [
			new TextDisplayBuilder().setContent('above'), container] });
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === sent.id);
		assert(seen.flags.has(MessageFlags.IsComponentsV2), 'flag');
		equal(seen.components.map((c) => c.type), [10, 17]);
		const raw = await read(w, channel.id, sent.id);
		equal([raw.content, raw.components[1].accent_color], ['', 0xff8800]);
		equal(raw.components[1].components.map((c) => c.type), [10, 14, 9, 12]);
		equal(raw.components[1].components[2].accessory.custom_id, 'go');
		equal(raw.components[1].components[3].items[0].media.url, 'https://example.com/a.png');
	});

	step('a layout is refused: with content, too many, too deep, in the wrong place', async (w) => {
		const channel = await w.channel();
		const send = (components, more = {}) => w.a.rest.post(`/channels/${channel.id}/messages`,
			{ flags: 1 << 15, components, ...more });
		const text = (content = 'x') => ({ type: 10, content });
		(await send([text()], { content: 'and this' })).refused(400, 50035, 'content');
		(await send([text()], { embeds: [{ title: 'and this' }] })).refused(400, 50035, 'embeds');
		(await send(Array(41).fill(text()))).refused(400, 50035, 'components');
		(await send([text('x'.repeat(4001))])).refused(400, 50035);
		(await send([{ type: 17, components: [{ type: 17, components: [text()] }] }])).refused(400, 50035);
		(await send([{ type: 9, components: [text()] }])).refused(400, 50035, 'components.0.accessory');
		(await send([button('naked')])).refused(400, 50035);
		(await send([])).refused(400, 50006);
		const sent = (await send([text('stays')])).ok(200);
		(await w.a.rest.patch(`/channels/${channel.id}/messages/${sent.id}`, { content: 'plain' })).refused(400, 50035);
	});
}
