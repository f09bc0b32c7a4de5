// Keeps one Jira issue for every item of a Jama Connect project, as a connector that
// runs for weeks does: credhelper stays beside it, no secret is in its configuration,
// and no token is held longer than a request.
//
//   credhelper add jama --preset jama --url https://example.jamacloud.com --client-id ID
//   credhelper add jira --preset jira-datacenter --url https://jira.example.com --client-id ID --set scopes=WRITE
//   node sync.mjs --test https://example.jamacloud.com https://jira.example.com
//   node sync.mjs --every 300 https://example.jamacloud.com https://jira.example.com
//
// The same job as examples/sync has in Go. credhelper.mjs lies beside it.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Helper, HelperError } from './credhelper.mjs';

const words = { // what a status means to whoever runs the job
  400: 'the API does not understand us',
  401: 'the API does not accept the token',
  403: 'the API does not let this account do that',
  404: 'there is nothing at this address',
  410: 'the API has removed this call',
  429: 'too many calls, and it would take too long to wait',
};
const correlation = ['X-AREQUESTID', 'Atl-Traceid', 'X-Request-Id', 'X-Correlation-Id'];
const later = [8, 10]; // credhelper's exit codes for "unreachable" and "busy": docs/exit-codes.md

// Makes a text from outside fit for a log.
function oneLine(text, most) {
  const line = String(text).replace(/[\p{C}\s]+/gu, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most)}...`;
}

function log(level, system, text) {
  console.error(`${new Date().toISOString().replace(/\.\d+/, '')} ${level.padEnd(5)} ${system}: ${text}`);
}

// An error of one system, in terms of an administrator; code is one of credhelper's
// exit codes.
class Trouble extends Error {
  constructor(system, code, text) {
    super(text);
    Object.assign(this, { system, code });
  }
}

// The error for an API's response that is not a success.
function refusal(system, status, content = '', headers = new Headers()) {
  const unwell = status === 429 || status >= 500;
  let text = `${words[status] ?? (unwell ? 'the API is not well' : 'the API refused')} (HTTP ${status})`;
  const said = message(content);
  const id = correlation.find((name) => headers.has(name));
  if (said) text += `: ${said}`;
  if (id) text += ` [${id} ${oneLine(headers.get(id), 64)}]`;
  text += unwell ? '; try again later' : `; see why: credhelper test ${system.profile}`;
  return new Trouble(system, unwell ? 8 : status === 401 || status === 403 ? 11 : 1, text);
}

// What the API says for people: Jama in meta.message, Jira in errorMessages and
// errors, miniOrange's app in error.message.
function message(content) {
  try {
    const body = JSON.parse(content);
    const fields = Object.entries(body.errors ?? {}).map(([name, text]) => `${name}: ${text}`);
    return oneLine([body.meta?.message, body.message, ...(body.errorMessages ?? []), ...fields, body.error?.message].filter(Boolean).join(' '), 200);
  } catch {
    return ''; // what cannot be read says nothing
  }
}

// One API with its profile. Every request carries the token that is good at that
// moment: helper.fetch renews a refused one and waits after a 429.
class System {
  pause = 0; // milliseconds from one request to the next
  #last = 0;

  constructor(name, profile, helper, base) {
    Object.assign(this, { name, profile, helper, base: base.replace(/\/+$/, '') });
  }

  toString() { return `${this.name} ${this.base}`; }

  // The answer's JSON and headers. Where credhelper itself cannot answer at the moment
  // nothing was sent, so a POST is as safe to repeat as a GET.
  async call(method, path, body) {
    const init = { method, profile: this.profile, headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(120_000) };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers['Content-Type'] = 'application/json';
    }
    let answer, content;
    for (const delay of [1, 2, undefined]) {
      await sleep(Math.max(0, this.#last + this.pause - performance.now()));
      this.#last = performance.now();
      try {
        answer = await this.helper.fetch(this.base + path, init);
        content = await answer.text();
        break;
      } catch (error) {
        if (!(error instanceof HelperError)) { // the API did not answer
          throw new Trouble(this, 8, `${oneLine(error.cause?.message ?? error.message, 200)}; try again later`);
        }
        if (!later.includes(error.code) || delay === undefined || error.retryAfter > 20) throw new Trouble(this, error.code, error.message);
        await sleep(1000 * Math.max(delay, error.retryAfter ?? 0));
      }
    }
    if (answer.status >= 300) throw refusal(this, answer.status, content, answer.headers);
    try {
      return { json: content === '' ? undefined : JSON.parse(content), headers: answer.headers };
    } catch {
      throw new Trouble(this, 1, `the answer to ${path} is no JSON`);
    }
  }
}

// Reads a project of Jama Connect (REST API v1, rest.jamasoftware.com).
class Jama extends System {
  // Below Jama's 10 calls a second, which all programs of an environment share, with
  // room for a call that is repeated with a new token.
  pause = 125;

  constructor(helper, base) { super('Jama Connect', 'jama', helper, base); }

  async who() {
    const { data: user } = (await this.call('GET', '/rest/v1/users/current')).json;
    return `${user.firstName} ${user.lastName} (${user.username})`;
  }

  // All items, in lists of at most size.
  async* pages(project, size) {
    for (let start = 0, total = 1; start < total;) {
      const { json: { data, meta } } = await this.call('GET', `/rest/v1/items?project=${project}&startAt=${start}&maxResults=${size}`);
      if (data.length === 0) return; // somebody deleted some meanwhile
      yield data;
      start += data.length;
      total = meta.pageInfo.totalResults;
    }
  }
}

// Writes to a project of Jira (REST API 2 of Data Center and of Cloud).
class Jira extends System {
  constructor(helper, base) { super('Jira', 'jira', helper, base); }

  async who() {
    const { json: user } = await this.call('GET', '/rest/api/2/myself');
    return `${user.displayName} (${user.name ?? user.accountId})`;
  }

  // The issues that have one of the labels, by label. With a token that has just expired
  // the search would find nothing, with 200, and every issue would be created a second
  // time: so the response must not be an anonymous one. Cloud has removed the old search,
  // and Data Center does not have the new one. Cloud's may not include new issues at
  // once, so leave a minute between two runs.
  async find(key, labels) {
    const path = this.base.includes('/ex/jira/') ? '/rest/api/2/search/jql' : '/rest/api/2/search';
    const jql = `project = ${JSON.stringify(key)} AND labels in (${labels.map((l) => JSON.stringify(l)).join(', ')})`;
    for (let tries = 0; tries < 2; tries++) {
      const { json, headers } = await this.call('POST', path, {
        jql, fields: ['summary', 'description', 'labels'], maxResults: 2 * labels.length,
      });
      if (headers.get('X-Seraph-LoginReason') !== 'AUTHENTICATED_FAILED' && headers.get('X-AUSERNAME') !== 'anonymous') {
        return new Map(json.issues.flatMap((issue) => issue.fields.labels.map((label) => [label, issue])));
      }
      await this.who(); // its 401 renews the token
    }
    throw refusal(this, 401);
  }

  async create(key, label, fields) {
    await this.call('POST', '/rest/api/2/issue', { fields: { ...fields, project: { key }, issuetype: { name: 'Task' }, labels: [label] } });
  }

  async update(issue, fields) {
    await this.call('PUT', `/rest/api/2/issue/${issue.key}`, { fields });
  }
}

// Goes through all items once. After an error the next run continues: what is done is
// found by its label.
async function sync(jama, jira, { project, key, page }) {
  let seen = 0, created = 0, updated = 0;
  for await (const items of jama.pages(project, page)) {
    const there = await jira.find(key, items.map((i) => `jama-${i.id}`));
    for (const item of items) {
      const label = `jama-${item.id}`, known = there.get(label);
      const fields = {
        summary: oneLine(`${item.documentKey} ${item.fields.name}`, 250), // Jira takes 255
        description: `Kept in Jama Connect: ${jama.base}/perspective.req#/items/${item.id}?projectId=${project}`,
      };
      if (!known) {
        await jira.create(key, label, fields);
        created++;
      } else if (known.fields.summary !== fields.summary || known.fields.description !== fields.description) {
        await jira.update(known, fields);
        updated++;
      }
    }
    seen += items.length;
  }
  log('INFO', 'sync', `${seen} items: ${created} created, ${updated} updated`);
}

// 0, or the exit code of what went wrong, which is in the log.
async function attempt(action) {
  try {
    await action();
    return 0;
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    log('ERROR', error.system, error.message);
    return error.code;
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    test: { type: 'boolean', default: false }, // only say as whom both systems know us
    every: { type: 'string', default: '0' }, // seconds; 0: run once
    project: { type: 'string', default: '1' }, // id of Jama's project
    key: { type: 'string', default: 'DEMO' }, // of Jira's project
    page: { type: 'string', default: '50' }, // items asked for at once; Jama takes 50 at most
  },
});
if (positionals.length !== 2) {
  console.error('usage: node sync.mjs [--test] [--every SECONDS] [--project ID] [--key KEY] [--page N] JAMA-URL JIRA-URL');
  process.exit(2);
}
const helper = new Helper();
const jama = new Jama(helper, positionals[0]), jira = new Jira(helper, positionals[1]);
let code = 0;
if (values.test) {
  for (const system of [jama, jira]) {
    const now = await attempt(async () => console.log(`${system}: connected as ${await system.who()}`));
    code ||= now;
  }
} else {
  for (;;) {
    code = await attempt(() => sync(jama, jira, { project: Number(values.project), key: values.key, page: Number(values.page) }));
    if (values.every === '0') break;
    await sleep(1000 * Number(values.every));
  }
}
await helper.close();
process.exitCode = code;
