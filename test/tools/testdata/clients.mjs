// Gets a token with one library of npm, as its README has it, and calls an API with it:
//
//   clients.mjs NODE_MODULES LIBRARY URL
//
// Those of OAuth read TOKEN_URL, ID and SECRET, those of Azure the variables that App
// Service sets.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, library, url] = process.argv.slice(2);
const { TOKEN_URL, ID, SECRET, RESOURCE, AZURE_CLIENT } = process.env;
const load = (name) => import(pathToFileURL(createRequire(folder + '/').resolve(name)));

const libraries = {
  'simple-oauth2': async () => {
    const { ClientCredentials } = await load('simple-oauth2');
    const { origin, pathname } = new URL(TOKEN_URL);
    const client = new ClientCredentials({ client: { id: ID, secret: SECRET }, auth: { tokenHost: origin, tokenPath: pathname } });
    return (await client.getToken({})).token.access_token;
  },
  'openid-client': async () => {
    const oauth = await load('openid-client');
    const config = new oauth.Configuration({ issuer: new URL(TOKEN_URL).origin, token_endpoint: TOKEN_URL }, ID, SECRET);
    if (TOKEN_URL.startsWith('http:')) oauth.allowInsecureRequests(config);
    return (await oauth.clientCredentialsGrant(config)).access_token;
  },
  '@azure/identity': async () => {
    const { ManagedIdentityCredential, DefaultAzureCredential } = await load('@azure/identity');
    const tokens = [];
    for (const credential of [new ManagedIdentityCredential(), new ManagedIdentityCredential({ clientId: AZURE_CLIENT }), new DefaultAzureCredential()]) {
      tokens.push((await credential.getToken(RESOURCE + '/.default')).token);
    }
    if (new Set(tokens).size !== 1) throw new Error('the credentials have different tokens');
    return tokens[0];
  },
  '@azure/msal-node': async () => {
    const { ManagedIdentityApplication } = await load('@azure/msal-node');
    return (await new ManagedIdentityApplication().acquireToken({ resource: RESOURCE })).accessToken;
  },
};

const token = await libraries[library]();
const answer = await fetch(url, { headers: { Authorization: 'Bearer ' + token } });
console.log(answer.status, await answer.text());
