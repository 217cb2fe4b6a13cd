// A bot changes its own name; others see it, in every guild they share.
import { assert, equal } from '../lib/suite.js';
import { tag } from '../lib/world.js';

export default function (step) {
	step('a bot renames itself: USER_UPDATE there, seen here', async (w) => {
		await w.gb.members.fetch(w.a.id);
		const name = `robot ${tag()}`;
		await w.a.client.user.setUsername(name);
		await w.a.sees('userUpdate', (_, u) => u.id === w.a.id && u.username === name);
		await w.b.sees('userUpdate', (_, u) => u.id === w.a.id && u.username === name);
		equal((await w.ann.get(`/users/${w.a.id}`)).ok(200).username, name);
		equal((await w.ann.get(`/guilds/${w.guildId}/members/${w.a.id}`)).ok(200).user.username, name, 'member');
		const channel = await w.channel();
		const sent = await channel.a.send('it is me');
		const [seen] = await w.b.sees('messageCreate', (m) => m.id === sent.id);
		equal(seen.author.username, name, 'author');
	});

	step('a rename is refused when too long or empty', async (w) => {
		(await w.a.rest.patch('/users/@me', { username: 'x'.repeat(33) })).refused(400, 50035, 'username');
		(await w.a.rest.patch('/users/@me', { username: '' })).refused(400, 50035, 'username');
	});

	step('a person changes the name that is shown', async (w) => {
		const bob = await w.member();
		await w.gb.members.fetch(bob.id);
		const name = `Bob ${tag()}`;
		(await bob.patch('/users/@me', { global_name: name })).ok(200);
		await w.b.sees('userUpdate', (_, u) => u.id === bob.id && u.globalName === name);
		equal((await w.ann.get(`/guilds/${w.guildId}/members/${bob.id}`)).ok(200).user.global_name, name);
		const own = (await bob.get('/users/@me')).ok(200);
		for (const key of ['email', 'verified', 'mfa_enabled', 'locale', 'flags', 'premium_type'])
			assert(key in own, `own account lacks ${key}`);
	});

	step('the application is edited', async (w) => {
		const text = `what it does ${tag()}`;
		(await w.a.rest.patch('/applications/@me', { description: text })).ok(200);
		equal((await w.ann.get(`/applications/${w.botA.applicationId}`)).ok(200).description, text);
		equal((await w.a.client.application.fetch()).description, text);
		(await w.a.rest.patch('/applications/@me', { description: 'x'.repeat(401) })).refused(400, 50035, 'description');
	});
}
