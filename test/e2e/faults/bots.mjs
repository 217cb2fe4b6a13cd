// discord.js clients, one for each token of the command line; what they see, as JSON lines: {bot, what, at, ...}.
// Each line on standard input is ignored; when it ends, all of them leave.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../js/package.json', import.meta.url));
const { Client, Events } = require('discord.js');
const { WebSocketShardEvents } = require('@discordjs/ws');

const [url, ...tokens] = process.argv.slice(2);
const say = (bot, what, more = {}) => console.log(JSON.stringify({ bot, what, at: Date.now(), ...more }));

tokens.forEach((token, bot) => {
	// 1 guilds, 1 << 9 messages, 1 << 15 their content
	const client = new Client({ intents: 1 | 1 << 9 | 1 << 15, rest: { api: `${url}/api` } });
	client.on(Events.ClientReady, () => say(bot, 'ready', { guilds: [...client.guilds.cache.keys()] }));
	client.on(Events.MessageCreate, (m) => say(bot, 'message', { content: m.content, guild: m.guildId }));
	client.on(Events.GuildUnavailable, (g) => say(bot, 'unavailable', { guild: g.id }));
	client.on(Events.GuildAvailable, (g) => say(bot, 'available', { guild: g.id }));
	client.on(Events.ChannelCreate, (c) => say(bot, 'channel', { id: c.id, guild: c.guildId }));
	client.on(Events.GuildDelete, (g) => say(bot, 'left', { guild: g.id }));
	client.on(Events.ShardReconnecting, () => say(bot, 'reconnecting'));
	client.on(Events.ShardResume, (_, replayed) => say(bot, 'resumed', { replayed }));
	client.on(Events.ShardDisconnect, (event) => say(bot, 'disconnected', { code: event.code }));
	client.on(Events.Invalidated, () => say(bot, 'invalidated'));
	client.on(Events.Error, (error) => say(bot, 'error', { text: String(error) }));
	client.on(Events.ShardError, (error) => say(bot, 'error', { text: String(error) }));
	client.on(Events.Raw, (packet) => packet.s && say(bot, 's', { s: packet.s, t: packet.t }));
	client.login(token).catch((error) => say(bot, 'error', { text: String(error) }));
});
process.on('uncaughtException', (error) => say(-1, 'thrown', { text: String(error.stack) }));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
