// Named steps. Each runs on its own and prints one line; a failure never hides the next step.

export class Skip extends Error {}

export function assert(good, why) {
	if (!good)
		throw new Error(typeof why === 'function' ? why() : why || 'assertion failed');
}

export function equal(got, wanted, what = 'value') {
	const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
	if (a !== b)
		throw new Error(`${what}: wanted ${b}, got ${a}`);
}

// Same members in any order.
export function same(got, wanted, what = 'set') {
	equal([...got].sort(), [...wanted].sort(), what);
}

const oneLine = (text) => String(text).replace(/\s*\n\s*/g, ' | ').slice(0, 700);

// Where in steps/ it went wrong: "messages.js:120".
function place(error) {
	const found = /\/steps\/([\w.]+:\d+)/.exec(error?.stack || '');
	return found ? ` (${found[1]})` : '';
}

export class Suite {
	constructor() {
		this.steps = [];
		this.count = this.passed = this.failed = this.skipped = 0;
		this.verbose = Boolean(process.env.E2E_VERBOSE);
		this.pattern = process.env.E2E_STEP ? new RegExp(process.env.E2E_STEP) : null;
	}

	// The function that step files get. @seconds bounds the whole step.
	get step() {
		return (name, run, { seconds = 30 } = {}) => this.steps.push({ name, run, seconds });
	}

	async run(world) {
		for (const { name, run, seconds } of this.steps) {
			if (this.pattern && !this.pattern.test(name))
				continue;
			const begin = performance.now();
			let timer;
			try {
				world.mark();
				const late = new Promise((_, reject) => {
					timer = setTimeout(() => reject(new Error(`not done within ${seconds} s`)), seconds * 1000);
				});
				const running = run(world);
				running.catch(() => {}); // one that fails after its time is not news
				await Promise.race([running, late]);
				this.pass(name);
			} catch (error) {
				if (error instanceof Skip)
					this.skip(name, error.message);
				else {
					this.fail(name, error);
					await world.waitUp();
				}
			} finally {
				clearTimeout(timer);
			}
			if (this.verbose)
				console.log(`# ${(performance.now() - begin).toFixed(0)} ms`);
		}
	}

	pass(name) {
		this.passed++;
		console.log(`ok ${++this.count} ${name}`);
	}

	fail(name, error) {
		this.failed++;
		const why = error?.name && error.name !== 'Error' ? `${error.name} ${error.message}` : error?.message;
		console.log(`not ok ${++this.count} ${name}: ${oneLine(why ?? error)}${place(error)}`);
		if (this.verbose)
			console.error(error);
	}

	skip(name, why) {
		this.skipped++;
		console.log(`ok ${++this.count} ${name} # SKIP ${oneLine(why)}`);
	}

	end() {
		console.log(`${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`);
		return this.failed ? 1 : 0;
	}
}
