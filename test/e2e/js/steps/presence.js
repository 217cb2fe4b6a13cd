// Presence: what one bot shows, the other sees.
import { ActivityType } from 'discord.js';

import { assert, equal } from '../lib/suite.js';

export default function (step) {
	step('a status and an activity are seen', async (w) => {
		w.a.client.user.setPresence({ status: 'dnd', activities: [{ name: 'chess', type: ActivityType.Playing }] });
		const [, seen] = await w.b.sees('presenceUpdate', (_, p) => p.userId === w.a.id && p.status === 'dnd');
		equal([seen.activities[0]?.name, seen.activities[0]?.type], ['chess', ActivityType.Playing]);
		assert(Math.abs(seen.activities[0].createdTimestamp - Date.now()) < 60e3, 'created_at is not the server\'s time in ms');
		assert(seen.clientStatus && Object.values(seen.clientStatus).includes('dnd'), 'client_status');
		w.a.client.user.setPresence({ status: 'idle', activities: [{ name: 'x', state: 'thinking', type: ActivityType.Custom }] });
		const [, next] = await w.b.sees('presenceUpdate', (_, p) => p.userId === w.a.id && p.status === 'idle');
		equal(next.activities[0]?.state, 'thinking');
	});

	step('invisible looks offline, and coming back is seen', async (w) => {
		w.a.client.user.setStatus('invisible');
		await w.b.sees('presenceUpdate', (_, p) => p.userId === w.a.id && p.status === 'offline');
		w.a.client.user.setPresence({ status: 'online', activities: [] });
		await w.b.sees('presenceUpdate', (_, p) => p.userId === w.a.id && p.status === 'online');
	});

	step('presences come with members on request', async (w) => {
		const members = await w.gb.members.fetch({ user: [w.a.id], withPresences: true });
		equal(members.get(w.a.id)?.presence?.status, 'online');
	});

	step('a bot that goes is offline, and its return is seen', async (w) => {
		const bot = await w.makeBot(w.ann, 'visitor');
		await w.addBot(w.ann, bot, w.guildId);
		const [member] = await w.b.sees('guildMemberAdd', (m) => m.user.bot && m.id !== w.a.id);
		const visitor = w.client();
		await visitor.login(bot.token);
		await w.b.sees('presenceUpdate', (_, p) => p.userId === member.id && p.status === 'online');
		await visitor.destroy();
		await w.b.sees('presenceUpdate', (_, p) => p.userId === member.id && p.status === 'offline', 15000);
		(await w.ann.delete(`/guilds/${w.guildId}/members/${member.id}`)).ok(204);
	});
}
