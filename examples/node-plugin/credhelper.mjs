// Tokens from `credhelper plugin` for long-running Node.js programs: a go-plugin host
// without Go (docs/connectors.md). The contract is ../../protocol/connector/contract/connector.proto.
//
// A program without other packages uses ../node/credhelper.mjs, which speaks JSON
// lines. This one is for programs that already use gRPC.

import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const proto = fileURLToPath(new URL('../../protocol/connector/contract/connector.proto', import.meta.url));
const { Connector } = loadPackageDefinition(loadSync(proto, { longs: Number, enums: String, defaults: true })).credhelper.connector.v1;

// What credhelper needs of the environment. Everything else is ours (T7).
const allowed = /^(CREDHELPER_(HOME|ETC)|HOME|(XDG|LC)_.*|LANG|TZ|PATH|USER|LOGNAME|SHELL|TMPDIR|DBUS_SESSION_BUS_ADDRESS|PASSWORD_STORE_DIR|GNUPGHOME|SSH_AUTH_SOCK|CREDENTIALS_DIRECTORY|SSL_CERT_(FILE|DIR)|(https?|no)_proxy|APPDATA|LOCALAPPDATA|PROGRAMDATA|USERPROFILE|SYSTEM(ROOT|DRIVE)|WINDIR|COMSPEC|PATHEXT|TE?MP)$/i;
const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => allowed.test(name)));

// A failure of credhelper's: kind is LOGIN, REFUSED, UNREACHABLE ... (docs/exit-codes.md).
export class Failure extends Error {
  constructor({ kind, text, hint }) {
    super(hint ? `${text} (${hint})` : text);
    this.kind = kind;
  }
}

export class Credhelper {
  #plugin; // a promise of the one that runs

  // The credential for a URL: { token, scheme, header, expires, refreshOn ... }.
  async get(url, refused = '') {
    const { credential, failure } = await this.#call('Get', { url: String(url), refused });
    if (failure) throw new Failure(failure);
    if (!(credential.wide ? /^[\x21-\x7e]+$/ : /^[A-Za-z0-9._~+/-]+=*$/).test(credential.token)) throw new Error('not a token');
    return credential;
  }

  // fetch with the token for the URL; once more with another one if the API refuses it.
  // No redirect is followed: another origin must not see the token.
  async fetch(url, init = {}) {
    let credential = await this.get(url);
    const ask = () => {
      const headers = new Headers(init.headers);
      headers.set(credential.header || 'Authorization', `${credential.scheme} ${credential.token}`);
      return fetch(url, { ...init, headers, redirect: 'manual' });
    };
    const answer = await ask();
    if (answer.status !== 401 && !credential.refreshOn.includes(answer.status)) return answer;
    await answer.body?.cancel();
    credential = await this.get(url, credential.token);
    return ask();
  }

  async close() {
    const plugin = await this.#plugin?.catch(() => {});
    this.#plugin = undefined;
    plugin?.end();
  }

  // One call; once more with another plugin if this one has ended.
  async #call(method, request) {
    for (let tries = 0; ; tries++) {
      const plugin = await (this.#plugin ??= start().catch((error) => { this.#plugin = undefined; throw error; }));
      try {
        return await new Promise((resolve, reject) => plugin.remote[method](request, { deadline: Date.now() + 10_000 },
          (error, reply) => error ? reject(error) : resolve(reply)));
      } catch (error) {
        if (error.code !== status.UNAVAILABLE || tries > 0) throw error;
        plugin.end();
        if (await this.#plugin === plugin) this.#plugin = undefined; // else another call was faster
      }
    }
  }
}

// Starts credhelper and connects to it: mutual TLS, each end with a certificate that
// only the other one was told.
async function start() {
  const { key, certificate } = identity();
  const child = spawn('credhelper', ['plugin'], {
    stdio: ['ignore', 'pipe', 'inherit'], // its stdin is empty
    env: { ...environment(), CREDHELPER_CONNECTOR: 'v1', PLUGIN_PROTOCOL_VERSIONS: '1', PLUGIN_CLIENT_CERT: certificate },
  });
  const greeting = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`credhelper plugin ended with ${code}; it says why on stderr`)));
    createInterface({ input: child.stdout }).once('line', resolve);
  });
  const [, , network, address, , theirs] = greeting.split('|');
  const remote = new Connector(network === 'unix' ? `unix:${address}` : address,
    credentials.createSsl(Buffer.from(pem(Buffer.from(theirs, 'base64'))), Buffer.from(key), Buffer.from(certificate)),
    { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' });
  return { remote, end: () => { remote.close(); child.kill(); } };
}

// A key and a self-signed certificate for it, of this run only: X.509 version 1 (RFC 5280).
function identity() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = (tag, ...parts) => {
    const body = Buffer.concat(parts), n = body.length;
    return Buffer.concat([Buffer.from(n < 128 ? [tag, n] : n < 256 ? [tag, 0x81, n] : [tag, 0x82, n >> 8, n & 255]), body]);
  };
  const sequence = (...parts) => der(0x30, ...parts);
  const ecdsaWithSHA256 = sequence(der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
  const name = sequence(der(0x31, sequence(der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('localhost')))));
  const time = (ms) => der(0x18, Buffer.from(new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')));
  const serial = der(0x02, Buffer.from([1]), randomBytes(8));
  const validity = sequence(time(Date.now() - 60_000), time(Date.now() + 10 * 365 * 86_400_000));
  const body = sequence(serial, ecdsaWithSHA256, name, validity, name, publicKey.export({ type: 'spki', format: 'der' }));
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    certificate: pem(sequence(body, ecdsaWithSHA256, signature)),
  };
}

const pem = (der) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64').match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`;
