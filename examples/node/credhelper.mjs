// Tokens from credhelper, for Node.js programs that run long. Copy this file.
//
//   import { Helper } from './credhelper.mjs';
//   const helper = new Helper();
//   const answer = await helper.fetch('https://example.jamacloud.com/rest/v1/projects');
//   console.log(answer.status, await answer.json());
//
// One credhelper runs beside the program and ends with it; many requests may be in
// flight. Ask before every request and keep no token: credhelper answers from its cache
// and knows when the token expires. It needs only Node.js 18 or later. The protocol is
// described in docs/dialects/lines.md.

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

// There is no token. code is credhelper's exit code (docs/exit-codes.md), kind its name;
// retryAfter is in seconds, undefined if unknown. The text may be logged.
export class HelperError extends Error {
  constructor({ message, code = 1, kind = 'unclassified', hint = '', retry_after: retryAfter }) {
    super(hint ? `${message} (${hint})` : message);
    Object.assign(this, { name: 'HelperError', code, kind, hint, retryAfter });
  }
}

// A token and the headers that carry it. Printed or as JSON, it shows neither.
export class Credential {
  #token;
  #headers;
  constructor(reply) {
    this.profile = reply.profile;
    this.expires = new Date(reply.expires);
    this.refreshOn = [401, ...(reply.refresh_on ?? [])]; // the API does not take the token
    this.#token = reply.token;
    this.#headers = Object.entries(reply.headers).map(([name, values]) => [name, values.join(', ')]);
  }
  get token() { return this.#token; }
  get headers() { return this.#headers; } // a list of [name, value]
}

// Credhelper as a child of this program.
export class Helper {
  #command;
  #child;
  #next = 1;

  constructor({ command = ['credhelper', 'serve', '--stdio'] } = {}) {
    this.#command = command;
  }

  // A Credential for a URL, or of a profile. With uri credhelper checks that the token
  // belongs there; with profile alone you are responsible for where it goes.
  async get({ uri, profile, minTTL, refresh } = {}) {
    return new Credential(await this.#ask({ uri, profile, min_ttl: minTTL, refresh }));
  }

  // Reports a credential that the API refused; it is dropped if it is the current one.
  async reject(credential) {
    await this.#ask({ verb: 'reject', profile: credential.profile, refused: credential.token });
  }

  // fetch with the token for the URL. Redirects are not followed: another origin must
  // not see the token. If the API refuses the token it tries once more with another
  // one, and it waits after a 429. The body must be one that can be sent again.
  async fetch(url, { profile, ...init } = {}) {
    if (init.body?.[Symbol.asyncIterator]) throw new TypeError('a stream cannot be sent again');
    const pauses = [3, 5, 8, 13];
    for (let renewed = false; ;) {
      const credential = await this.get({ uri: String(url), profile });
      const headers = new Headers(init.headers);
      for (const [name, value] of credential.headers) headers.set(name, value);
      const answer = await fetch(String(url), { ...init, headers, redirect: 'manual' });
      if (credential.refreshOn.includes(answer.status) && !renewed) {
        renewed = true;
        await this.reject(credential);
      } else {
        const pause = answer.status === 429 ? pauseOf(answer, pauses.shift()) : undefined;
        if (pause === undefined) return answer;
        await sleep(pause * 1000, undefined, { signal: init.signal });
      }
      await answer.body?.cancel();
    }
  }

  // Ends the child, after it has answered pending requests.
  async close() {
    const child = this.#child;
    this.#child = undefined;
    await child?.close();
  }

  async #ask(members) {
    for (let tries = 0; tries < 2; tries++) { // a child that died is replaced, once
      if (!this.#child || this.#child.ended) this.#child = new Child(this.#command);
      const reply = await this.#child.ask({ id: this.#next++, ...members });
      if (reply?.error) throw new HelperError(reply.error);
      if (reply) return reply;
    }
    throw new HelperError({ message: 'credhelper ended without an answer', hint: 'it says why on stderr' });
  }
}

// One run of credhelper, and the callers that wait for its replies. The program may end
// while it runs, but not while a caller waits.
class Child {
  #process;
  #waiting = new Map();
  #rest = '';
  #closed;
  ended = false;

  constructor([file, ...args]) {
    this.#process = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], windowsHide: true });
    this.#closed = new Promise((resolve) => {
      this.#process.once('close', () => resolve(this.#end()));
      this.#process.once('error', (error) => resolve(this.#end(new HelperError({
        message: `cannot start ${file}: ${error.code}`, hint: 'is it installed?',
      }))));
    });
    this.#process.stdin.on('error', () => {}); // it is gone: 'close' says so, too
    this.#process.stdout.setEncoding('utf8').on('data', (text) => this.#read(text));
    this.#hold(false);
  }

  // The reply; undefined if the child ended before it came.
  ask(request) {
    return new Promise((resolve, reject) => {
      const late = new HelperError({ message: 'credhelper does not answer', code: 8, kind: 'unreachable' });
      const timer = setTimeout(() => this.#settle(request.id)?.reject(late), 10_000); // credhelper itself answers within 8.3 s
      this.#waiting.set(request.id, { resolve, reject, timer });
      this.#hold(true);
      this.#process.stdin.write(JSON.stringify(request) + '\n');
    });
  }

  close() {
    this.#process.ref();
    this.#process.stdin.end();
    return this.#closed;
  }

  #read(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop();
    for (const line of lines) {
      let reply;
      try {
        reply = JSON.parse(line);
      } catch {
        return void this.#process.kill(); // not what we started; the error would quote the line, token and all
      }
      this.#settle(reply.id)?.resolve(reply);
    }
  }

  #settle(id) {
    const waiting = this.#waiting.get(id);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#hold(false);
    return waiting;
  }

  #end(error) {
    this.ended = true;
    for (const id of [...this.#waiting.keys()]) {
      const waiting = this.#settle(id);
      if (error) waiting.reject(error);
      else waiting.resolve(undefined);
    }
  }

  #hold(wanted) {
    for (const handle of [this.#process, this.#process.stdin, this.#process.stdout]) {
      if (wanted) handle.ref?.();
      else handle.unref?.();
    }
  }
}

// Seconds to wait after a 429, undefined to give up: what the server asks for, up to a
// minute, or else 3, 5, 8 and 13, as Jama advises; four times at most.
function pauseOf(answer, usual) {
  const wanted = answer.headers.get('Retry-After');
  if (usual === undefined || !wanted) return usual;
  const seconds = /^\d+$/.test(wanted) ? Number(wanted) : (Date.parse(wanted) - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return usual;
  return seconds <= 60 ? Math.max(0, seconds) : undefined;
}
