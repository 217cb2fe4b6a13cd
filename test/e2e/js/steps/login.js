// Logging in, and what the gateway and the bot's own routes say.
import { assert, equal, same } from '../lib/suite.js';
import { ALL_INTENTS, UNKNOWN } from '../lib/world.js';
import { Rest } from '../lib/rest.js';

export default function (step) {
	step('READY and GUILD_CREATE fill the cache', async (w) => {
		for (const watch of [w.a, w.b]) {
			const guild = w.guild(watch);
			equal(guild.name, 'e2e hall');
			equal(guild.ownerId, w.ann.id, 'owner');
			assert(guild.available, 'guild is not available');
			assert(guild.members.me, 'own member is missing');
			assert(guild.members.me.permissions.has('Administrator'), 'not administrator');
			assert(guild.roles.everyone.id === guild.id, '@everyone is missing');
			assert(guild.channels.cache.has(w.hall), 'channel is missing');
			assert(guild.memberCount >= 3, `member_count is ${guild.memberCount}`);
			assert(watch.client.user.bot, 'user is no bot');
			equal(watch.client.application.id, watch.bot.applicationId, 'application');
			assert(guild.joinedTimestamp > Date.now() - 3600e3, 'joined_at is not recent');
		}
	});

	step('a wrong token is refused: TokenInvalid from the library, 401 code 0 by hand', async (w) => {
		const client = w.client();
		let error;
		await client.login('MTAwMDAwMDAwMDAwMDAwMDAx.AAAAAA.not-a-token-at-all-000000').catch((e) => { error = e; });
		await client.destroy();
		equal(error?.code, 'TokenInvalid', 'error');
		(await new Rest(w.url, 'Bot nonsense', 'v10').get('/users/@me')).refused(401, 0);
		(await w.nobody.get('/users/@me')).refused(401, 0);
	});

	step('GET /gateway needs nobody, /gateway/bot says how many shards', async (w) => {
		const open = (await w.nobody.get('/gateway')).ok(200);
		assert(/^wss?:\/\//.test(open.url), `url is ${open.url}`);
		const bot = (await w.a.rest.get('/gateway/bot')).ok(200);
		equal(bot.shards, 1, 'shards');
		const limit = bot.session_start_limit;
		for (const key of ['total', 'remaining', 'reset_after', 'max_concurrency'])
			assert(Number.isInteger(limit[key]), `session_start_limit.${key} is ${limit[key]}`);
		(await w.nobody.get('/gateway/bot')).refused(401, 0);
	});

	step('a bot without privileged intents on its application is refused them', async (w) => {
		const bot = await w.makeBot(w.ann, 'plain', 0);
		const client = w.client();
		let error;
		await client.login(bot.token).catch((e) => { error = e; });
		await client.destroy();
		assert(/disallowed intents/i.test(error?.message || ''), `login gave ${error?.message}`);
		const plain = w.client({ intents: ALL_INTENTS & ~(1 << 1 | 1 << 8 | 1 << 15) });
		await plain.login(bot.token);
		await plain.destroy();
	});

	step('the application and its owner can be read', async (w) => {
		const app = await w.a.client.application.fetch();
		equal(app.owner?.id, w.ann.id, 'owner');
		const raw = (await w.a.rest.get('/applications/@me')).ok(200);
		for (const key of ['approximate_guild_count', 'bot_public', 'bot_require_code_grant', 'verify_key', 'flags'])
			assert(key in raw, `${key} is missing`);
		equal(raw.team, null, 'team');
		equal((await w.a.rest.get('/oauth2/applications/@me')).ok(200).id, app.id, 'the older route');
	});

	step('users: oneself, another, nobody', async (w) => {
		const me = (await w.a.rest.get('/users/@me')).ok(200);
		equal(me.id, w.a.id);
		equal(me.bot, true);
		const other = await w.a.client.users.fetch(w.ann.id, { force: true });
		equal(other.username, w.ann.username);
		equal((await w.a.rest.get(`/users/${w.ann.id}`)).ok(200).email, undefined, 'email of another');
		(await w.a.rest.get(`/users/${UNKNOWN}`)).refused(404, 10013);
		(await w.a.rest.get('/users/nonsense')).refused(400, 50035);
	});

	step('GET /users/@me/guilds lists with the bot\'s permissions', async (w) => {
		const list = await w.a.client.guilds.fetch();
		assert(list.has(w.guildId), 'the guild is missing');
		const raw = (await w.a.rest.get('/users/@me/guilds', { query: { with_counts: 'true' } })).ok(200);
		const guild = raw.find((g) => g.id === w.guildId);
		assert(BigInt(guild.permissions) & 8n, `permissions ${guild.permissions}`);
		equal(guild.owner, false);
		assert(guild.approximate_member_count >= 3, 'no count');
		same(Object.keys(guild).filter((k) => ['id', 'name', 'icon', 'owner', 'permissions', 'features'].includes(k)),
			['id', 'name', 'icon', 'owner', 'permissions', 'features'], 'keys');
	});
}
