// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// An issuer of tokens that yett did not write: oidc-provider, with client credentials, JWT and opaque access tokens, DPoP,
// introspection and revocation. It reads lines from stdin: "rotate" makes a new key, signs with it from now on, and
// withdraws the oldest. It ends when stdin does.
//
//   node issuer.mjs ISSUER PORT

import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { randomUUID, generateKeyPairSync } from 'node:crypto'
import Provider from 'oidc-provider'

const [issuer, port] = process.argv.slice(2)
const audience = 'https://api.example.org'
let keys = []
let handle

function rotate () {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  keys = [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'ES256', use: 'sig' }, ...keys].slice(0, 3)
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [{
      client_id: 'app', client_secret: 'a-secret-of-the-test-alone', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
      id_token_signed_response_alg: 'ES256', token_endpoint_auth_method: 'client_secret_post',
    }],
    cookies: { keys: ['cookies are not used'] },
    scopes: ['things:read'],
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'things:read',
          audience,
          accessTokenTTL: 600,
          accessTokenFormat: resource.endsWith('/opaque') ? 'opaque' : 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  })
  handle = provider.callback()
}

rotate()
createServer((req, res) => handle(req, res)).listen(Number(port), '127.0.0.1', () => console.log('ready'))
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'rotate') {
    rotate()
    console.log('rotated')
  }
}).on('close', () => process.exit(0))
