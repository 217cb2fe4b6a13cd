// The discord.js suite: E2E_URL=http://127.0.0.1:PORT node run.js
import { Suite } from './lib/suite.js';
import { World } from './lib/world.js';

const groups = ['login', 'guilds', 'channels', 'overwrites', 'messages', 'history', 'components', 'reactions', 'pins',
	'members', 'roles', 'bans', 'invites', 'dms', 'audit', 'presence', 'users', 'threads'];

if (!process.env.E2E_URL) {
	console.error('E2E_URL is not set');
	process.exit(2);
}
// A library that throws inside an event handler has met something that it cannot read: that is a finding.
const thrown = [];
process.on('uncaughtException', (error) => thrown.push(error));
process.on('unhandledRejection', (error) => thrown.push(error));

const suite = new Suite();
const world = new World(process.env.E2E_URL.replace(/\/$/, ''));
for (const group of groups)
	(await import(`./steps/${group}.js`)).default(suite.step);

try {
	await world.start();
	suite.pass('two bots log in and hold the guild');
} catch (error) {
	suite.fail('two bots log in and hold the guild', error);
	console.log('# nothing else can be tried');
	process.exit(suite.end());
}
await suite.run(world);
if (thrown.length)
	suite.fail('the library threw nothing of its own', thrown[0]);
else
	suite.pass('the library threw nothing of its own');
await world.stop();
process.exit(suite.end());
