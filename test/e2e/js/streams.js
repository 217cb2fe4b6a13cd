// Compressed streams read by the decoders that clients have: E2E_URL=http://127.0.0.1:PORT node streams.js
// Sessions of one bot with different histories, each through another decoder; all must read the same events, byte for byte
// what an uncompressed session reads.
import zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { WebSocket } from 'ws';
import { Suite, Skip, assert, equal } from './lib/suite.js';

const url = process.env.E2E_URL.replace(/\/$/, '');
const FLAGS = 1 << 13 | 1 << 15 | 1 << 19;
const INTENTS = 1 | 1 << 9 | 1 << 15;

async function call(token, method, path, body) {
	const answer = await fetch(`${url}/api/v10${path}`, {
		method,
		headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: token } : {}) },
		body: body && JSON.stringify(body),
	});
	const text = await answer.text();
	assert(answer.ok, () => `${method} ${path}: ${answer.status} ${text.slice(0, 200)}`);
	return text ? JSON.parse(text) : null;
}

// Node's own streams: one for the connection, asked for what each frame gave.
function native(make) {
	const stream = make();
	let parts = [];
	stream.on('data', (part) => parts.push(part));
	return (frame) => new Promise((resolve, reject) => {
		stream.once('error', reject);
		stream.write(frame, () => {
			stream.removeListener('error', reject);
			const text = Buffer.concat(parts).toString();
			parts = [];
			resolve(text);
		});
	});
}

function fzstd() {
	let parts = [];
	const stream = new Decompress((part) => parts.push(Buffer.from(part)));
	return async (frame) => {
		parts = [];
		stream.push(frame);
		return Buffer.concat(parts).toString();
	};
}

const decoders = {
	'no compression': { make: () => async (frame) => frame.toString() },
	'zlib-stream, node:zlib': { compress: 'zlib-stream', make: () => native(() => zlib.createInflate({ flush: zlib.constants.Z_SYNC_FLUSH })) },
	'zstd-stream, fzstd': { compress: 'zstd-stream', make: fzstd },
	'zstd-stream, node:zlib': {
		compress: 'zstd-stream',
		make: zlib.createZstdDecompress && (() => native(() => zlib.createZstdDecompress({ flush: zlib.constants.ZSTD_e_flush }))),
	},
};

// One session: its dispatches in order, as the text that came.
class Session {
	constructor(decoder, token) {
		this.decode = decoder.make();
		this.token = token;
		this.events = [];
		this.texts = new Map(); // message id → d
		this.work = Promise.resolve();
		this.ws = new WebSocket(`${url.replace('http', 'ws')}/?v=10&encoding=json${decoder.compress ? `&compress=${decoder.compress}` : ''}`);
		this.ready = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
		this.ready.catch(() => {});
		this.ws.on('message', (frame) => {
			this.work = this.work.then(async () => this.take(await this.decode(frame))).catch((error) => {
				this.error ??= error;
				this.reject(error);
			});
		});
	}

	send(op, d) {
		this.ws.send(JSON.stringify({ op, d }));
	}

	take(text) {
		const payload = JSON.parse(text);
		if (payload.op === 10)
			this.send(2, { token: this.token, intents: INTENTS, properties: { os: 'linux', browser: 'streams', device: '' } });
		if (payload.op === 11)
			this.beaten = (this.beaten ?? 0) + 1;
		if (payload.op !== 0)
			return;
		equal(payload.s, (this.s ?? 0) + 1, 's');
		this.s = payload.s;
		if (payload.t === 'GUILD_CREATE')
			this.resolve();
		if (payload.t === 'MESSAGE_CREATE')
			this.texts.set(payload.d.id, JSON.stringify(payload.d));
	}

	close() {
		this.ws.close();
	}
}

const words = 'the rook calls at dawn and who hears it answers from the tower while others sleep on 👋 äöü'.split(' ');
function content(i) {
	let text = '';
	for (let k = 0; k < 3 + i * 7 % 60; k++)
		text += `${words[(i * 31 + k * 17 + k * k) % words.length]} `;
	return text.trim();
}

const suite = new Suite();
const world = { mark() {}, failed() {} };

suite.step('every decoder reads what a session without compression reads, whatever came before', async () => {
	const me = (await call('', 'POST', '/auth/register', { username: `s${Date.now()}`, password: 'password of the streams', consent: true })).token;
	const guild = await call(me, 'POST', '/guilds', { name: 'streams' });
	const app = await call(me, 'POST', '/applications', { name: 'streams' });
	const { token } = await call(me, 'POST', `/applications/${app.id}/bot/reset`, {});
	await call(me, 'PATCH', `/applications/${app.id}`, { flags: FLAGS });
	await call(me, 'POST', `/oauth2/authorize?client_id=${app.id}&scope=bot&permissions=8`, { authorize: true, guild_id: guild.id, permissions: '8' });
	const path = `/channels/${guild.system_channel_id}/messages`;
	const said = [];
	const sessions = [];
	const say = async (i) => {
		const body = { content: content(i) };
		if (i % 5 === 0)
			body.embeds = [{ title: content(i + 1).slice(0, 200), description: content(i * 3), fields: [{ name: 'a', value: content(i + 2) }] }];
		said.push((await call(me, 'POST', path, body)).id);
	};
	// Three of each, that begin at other times, beat at other times and ask for other things in between.
	for (let round = 0; round < 3; round++) {
		for (const [name, decoder] of Object.entries(decoders)) {
			if (!decoder.make)
				continue;
			const session = new Session(decoder, token);
			session.name = `${name}, ${round}`;
			await session.ready;
			session.from = said.length;
			sessions.push(session);
		}
		for (let i = 0; i < 40; i++) {
			await say(round * 40 + i);
			for (const [k, session] of sessions.entries()) {
				if ((i * 7 + k * 5) % 11 === 0)
					session.send(1, session.s);
				if ((i * 3 + k) % 23 === 0)
					session.send(8, { guild_id: guild.id, query: '', limit: 2, nonce: `${i}` });
			}
		}
	}
	await Promise.all(Array.from({ length: 30 }, (_, i) => say(200 + i)));
	const last = said[said.length - 1];
	for (const until = Date.now() + 10000; Date.now() < until && !sessions.every((s) => s.error || said.every((id, i) => i < s.from || s.texts.has(id)));)
		await new Promise((resolve) => setTimeout(resolve, 20));
	assert(last, 'nothing was said');
	const plain = sessions[0];
	for (const session of sessions) {
		if (session.error)
			throw new Error(`${session.name}: ${session.error.stack}`);
		for (let i = session.from; i < said.length; i++)
			equal(session.texts.get(said[i]), plain.texts.get(said[i]), `${session.name}, message ${i}`);
		assert(session.beaten > 0, `${session.name}: no heartbeat was answered`);
		session.close();
	}
}, { seconds: 120 });

suite.step('the zstd of Node itself took part', async () => {
	if (!zlib.createZstdDecompress)
		throw new Skip(`Node ${process.version} has none`);
});

await suite.run(world);
process.exit(suite.end());
