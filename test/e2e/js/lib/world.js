// Who and what the steps play with: ann owns the guild, bob is a member, two bots (a, b) are in it as
// administrators, both as unmodified discord.js clients.
import { randomBytes } from 'node:crypto';

import { Client, Events, Partials } from 'discord.js';
import { SimpleShardingStrategy } from '@discordjs/ws';

import { Rest, checkTree } from './rest.js';

export const PASSWORD = 'correct horse battery 9';
export const ALL_INTENTS = 53608447;
const PRIVILEGED = 1 << 13 | 1 << 15 | 1 << 19;
export const ADMINISTRATOR = '8';
export const UNKNOWN = '1000000000000000001'; // a snowflake that nobody has

export const tag = () => randomBytes(4).toString('hex');
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// zlib-stream needs an addon that discord.js does not bring along; it can ask for compressed payloads without.
function payloadCompression(manager) {
	manager.options.useIdentifyCompress = true;
	return new SimpleShardingStrategy(manager);
}

// What a client saw, in order, so that an event that came before one asks for it counts too.
class Watch {
	constructor(client, name) {
		this.client = client;
		this.name = name;
		this.seen = [];
		this.from = 0;
		this.wakers = new Set();
		for (const event of Object.values(Events)) {
			if (event === Events.Debug || event === Events.Raw)
				continue;
			client.on(event, (...args) => {
				this.seen.push({ event, args });
				for (const wake of this.wakers)
					wake();
			});
		}
	}

	// A new step begins: older events no longer count.
	mark() {
		this.from = this.seen.length;
	}

	// Waits for an event of this step for which where(...args) holds; its arguments.
	async sees(event, where = () => true, ms = 5000) {
		const until = Date.now() + ms;
		let at = this.from;
		for (;;) {
			for (; at < this.seen.length; at++)
				if (this.seen[at].event === event && where(...this.seen[at].args))
					return this.seen[at].args;
			const left = until - Date.now();
			if (left <= 0)
				break;
			await new Promise((resolve) => {
				const wake = () => {
					clearTimeout(timer);
					this.wakers.delete(wake);
					resolve();
				};
				const timer = setTimeout(wake, left);
				this.wakers.add(wake);
			});
		}
		const since = this.seen.slice(this.from).map((s) => s.event);
		throw new Error(`${this.name} saw no such ${event} within ${ms} ms, but ${since.slice(-12).join(', ') || 'nothing'}`);
	}

	count(event, where = () => true) {
		return this.seen.slice(this.from).filter((s) => s.event === event && where(...s.args)).length;
	}
}

export class World {
	constructor(url) {
		this.url = url;
		this.nobody = new Rest(url);
		this.watches = [];
		this.people = new Map();
	}

	mark() {
		for (const watch of this.watches)
			watch.mark();
	}

	// A server that died is started again by the runner: wait for it and for the bots' return.
	async waitUp() {
		await sleep(300);
		for (const until = Date.now() + 20000; Date.now() < until; await sleep(100)) {
			const up = await this.nobody.get('/gateway').then((a) => a.status === 200, () => false);
			if (up && this.watches.every((watch) => watch.client.isReady()))
				return;
		}
	}

	// -- people

	async register(name) {
		const username = `${name}_${tag()}`;
		const answer = await this.nobody.post('/auth/register', { username, password: PASSWORD, consent: true });
		const rest = new Rest(this.url, answer.ok(200, 201).token, 'v9', PASSWORD);
		const me = (await rest.get('/users/@me')).ok(200);
		rest.id = me.id;
		rest.username = username;
		return rest;
	}

	// A plain member of the guild, the same one for all steps that give this name.
	member(name = 'bob') {
		if (!this.people.has(name)) {
			this.people.set(name, (async () => {
				const person = await this.register(name);
				await this.join(person);
				return person;
			})());
		}
		return this.people.get(name);
	}

	async join(person, channelId = this.hall) {
		const invite = (await this.ann.post(`/channels/${channelId}/invites`, { unique: true })).ok(200);
		return (await person.post(`/invites/${invite.code}`, {})).ok(200);
	}

	// -- bots

	async makeBot(owner, name, flags = PRIVILEGED) {
		const app = (await owner.post('/applications', { name })).ok(200, 201);
		const token = (await owner.post(`/applications/${app.id}/bot/reset`, {})).ok(200).token;
		(await owner.patch(`/applications/${app.id}`, { flags })).ok(200);
		return { applicationId: app.id, token, rest: new Rest(this.url, `Bot ${token}`, 'v10') };
	}

	async addBot(owner, bot, guildId, permissions = ADMINISTRATOR) {
		(await owner.post('/oauth2/authorize', { authorize: true, guild_id: guildId, permissions }, {
			query: { client_id: bot.applicationId, scope: 'bot', permissions },
		})).ok(200);
	}

	client(options = {}) {
		return new Client({
			intents: ALL_INTENTS,
			partials: Object.values(Partials).filter((p) => typeof p === 'number'),
			rest: { api: `${this.url}/api`, version: '10', cdn: this.url, retries: 0, timeout: 15000 },
			ws: process.env.E2E_COMPRESS === 'payload' ? { buildStrategy: payloadCompression } : {},
			waitGuildTimeout: 5000,
			...options,
		});
	}

	// Logs in and waits until ready. watch.client is the client, watch.rest the bot's REST by hand.
	async login(bot, name) {
		const client = this.client();
		const watch = new Watch(client, name);
		client.on(Events.Error, () => {});
		const ready = new Promise((resolve, reject) => {
			client.once(Events.ClientReady, resolve);
			setTimeout(() => reject(new Error(`${name} was not ready within 15 s`)), 15000).unref();
		});
		ready.catch(() => {});
		await client.login(bot.token);
		await ready;
		watch.rest = bot.rest;
		watch.bot = bot;
		watch.id = client.user.id;
		this.watches.push(watch);
		return watch;
	}

	// ann, her guild, the bots in it. Throws when even that fails: then there is nothing to test.
	async start() {
		this.ann = await this.register('ann');
		const guild = (await this.ann.post('/guilds', { name: 'e2e hall' })).ok(200, 201);
		this.guildId = guild.id;
		this.hall = guild.system_channel_id; // `general`: needs no route to make it
		this.botA = await this.makeBot(this.ann, 'bot a');
		this.botB = await this.makeBot(this.ann, 'bot b');
		await this.addBot(this.ann, this.botA, guild.id);
		await this.addBot(this.ann, this.botB, guild.id);
		this.a = await this.login(this.botA, 'bot a');
		this.b = await this.login(this.botB, 'bot b');
	}

	get ga() {
		return this.guild(this.a);
	}

	get gb() {
		return this.guild(this.b);
	}

	guild(watch) {
		const guild = watch.client.guilds.cache.get(this.guildId);
		if (!guild)
			throw new Error(`${watch.name} does not have the guild`);
		return guild;
	}

	// A fresh channel as ann makes it, as both bots hold it: {id, a, b}.
	async channel(body = {}) {
		const made = (await this.ann.post(`/guilds/${this.guildId}/channels`,
			{ name: `c-${tag()}`, type: 0, ...body })).ok(201);
		const held = async (watch) => {
			await watch.sees('channelCreate', (c) => c.id === made.id);
			return watch.client.channels.cache.get(made.id);
		};
		return { id: made.id, a: await held(this.a), b: await held(this.b), made };
	}

	// A fresh role that ann makes; both bots hold it.
	async role(body = {}) {
		const made = (await this.ann.post(`/guilds/${this.guildId}/roles`, { name: `r-${tag()}`, ...body })).ok(200);
		await this.a.sees('roleCreate', (r) => r.id === made.id);
		await this.b.sees('roleCreate', (r) => r.id === made.id);
		return { ...made, a: this.ga.roles.cache.get(made.id), b: this.gb.roles.cache.get(made.id) };
	}

	async stop() {
		for (const watch of this.watches)
			await watch.client.destroy();
	}
}

// Asserts that a call of the library is refused with this status and code.
export async function rejects(promise, status, code, path, leaf) {
	let error;
	try {
		await promise;
	} catch (caught) {
		error = caught;
	}
	if (!error)
		throw new Error(`wanted ${status} code ${code}, but it was allowed`);
	if (error.status !== status || error.code !== code)
		throw new Error(`wanted ${status} code ${code}, got ${error.status} code ${error.code}: ${error.message}`);
	if (path !== undefined)
		checkTree(error.rawError?.errors, path, leaf, JSON.stringify(error.rawError));
	return error;
}
