// oidc-provider as a counterpart: node oidc_provider.mjs CONFIG.json
//
// CONFIG has module (the path of oidc-provider's folder), key and cert of the server,
// ca (the authorities of clients that it names in TLS) and clients, as oidc-provider
// registers them. It prints its address, and ends with its stdin.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { pathToFileURL } from 'node:url'

const config = JSON.parse(readFileSync(process.argv[2]))
const { default: Provider } = await import(pathToFileURL(config.module + '/lib/index.js'))

let handle
const server = createServer(
  { key: config.key, cert: config.cert, ca: config.ca, requestCert: true, rejectUnauthorized: false },
  (request, response) => handle(request, response),
)
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients: config.clients,
    clientAuthMethods: ['client_secret_basic', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      mTLS: {
        enabled: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: (ctx) => ctx.socket.getPeerX509Certificate(),
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) =>
          property === 'tls_client_auth_subject_dn' && ctx.socket.getPeerX509Certificate().subject === expected,
      },
    },
  })
  handle = provider.callback()
  console.log(issuer)
})
process.stdin.on('end', () => process.exit()).resume()
