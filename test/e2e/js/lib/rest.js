// REST by hand, for people and for reading back: no library between the test and the wire.

export class Answer {
	constructor(status, headers, text) {
		this.status = status;
		this.headers = headers;
		this.text = text;
	}

	get body() {
		return this.text ? JSON.parse(this.text) : null;
	}

	get code() {
		try {
			return this.body?.code;
		} catch {
			return undefined;
		}
	}

	// Its body; throws with what came instead.
	ok(...statuses) {
		const good = statuses.length ? statuses.includes(this.status) : this.status >= 200 && this.status < 300;
		if (!good)
			throw new Error(`${this.call} answered ${this.status}: ${this.text.slice(0, 400)}`);
		return this.body;
	}

	// Asserts a refusal: status, code and, for form errors, where in the tree it must sit.
	refused(status, code, path, leaf) {
		const said = `${this.call}: ${this.text.slice(0, 400)}`;
		if (this.status !== status || this.code !== code)
			throw new Error(`wanted ${status} code ${code}, got ${this.status} from ${said}`);
		if (typeof this.body.message !== 'string' || !this.body.message)
			throw new Error(`no message from ${said}`);
		if (path !== undefined)
			checkTree(this.body.errors, path, leaf, said);
		return this.body;
	}

	// The same where sources differ, or Discord itself does: any of these [status, code].
	refusedAs(...pairs) {
		if (!pairs.some(([status, code]) => this.status === status && this.code === code))
			throw new Error(`wanted ${pairs.map((p) => p.join(' code ')).join(' or ')}, got ${this.status} from ` +
				`${this.call}: ${this.text.slice(0, 400)}`);
		return this.body;
	}
}

export function checkTree(errors, path, leaf, said) {
	let node = errors;
	for (const key of path ? path.split('.') : []) {
		node = node?.[key];
		if (node === undefined)
			throw new Error(`no form error at ${path} from ${said}`);
	}
	const leaves = node?._errors;
	if (!Array.isArray(leaves) || !leaves.length ||
	    !leaves.every((l) => typeof l.code === 'string' && typeof l.message === 'string'))
		throw new Error(`no _errors list at ${path} from ${said}`);
	if (leaf && !leaves.some((l) => l.code === leaf))
		throw new Error(`wanted ${leaf} at ${path} from ${said}`);
}

export class Rest {
	constructor(url, authorization, version = 'v9', password) {
		this.url = url;
		this.authorization = authorization;
		this.version = version;
		this.password = password;
	}

	async call(method, path, body, { query, headers, reason, raw } = {}) {
		const url = new URL(`${this.url}/api/${this.version}${path}`);
		for (const [key, value] of Object.entries(query || {}))
			for (const one of [value].flat())
				url.searchParams.append(key, one);
		const heads = { 'user-agent': 'DiscordBot (e2e, 1)', ...headers };
		if (this.authorization)
			heads.authorization = this.authorization;
		if (reason !== undefined)
			heads['x-audit-log-reason'] = encodeURIComponent(reason);
		if (body !== undefined)
			heads['content-type'] = 'application/json';
		const send = async () => {
			const response = await fetch(url, {
				method, headers: heads, body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
				signal: AbortSignal.timeout(15000),
			});
			const answer = new Answer(response.status, response.headers, await response.text());
			answer.call = `${method} ${path}`;
			return answer;
		};
		const answer = await send();
		if (answer.status === 401 && answer.code === 60003 && this.password) {
			// Step-up: the password stands in for a second factor where none is set.
			const proof = await new Rest(this.url, this.authorization, this.version).post('/mfa/finish', {
				ticket: answer.body.mfa.ticket, mfa_type: 'password', data: this.password });
			heads['x-discord-mfa-authorization'] = proof.ok().token;
			return send();
		}
		return answer;
	}

	get(path, more) {
		return this.call('GET', path, undefined, more);
	}

	post(path, body, more) {
		return this.call('POST', path, body, more);
	}

	put(path, body, more) {
		return this.call('PUT', path, body, more);
	}

	patch(path, body, more) {
		return this.call('PATCH', path, body, more);
	}

	delete(path, more) {
		return this.call('DELETE', path, undefined, more);
	}
}
