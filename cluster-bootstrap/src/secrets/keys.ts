import { generateKeyPairSync } from 'node:crypto'
import type { Random } from '@trellis/foundation/random'
import type { SecretData } from './secret-store.ts'

/** The key that signs tokens of service accounts: ECDSA P-256, PEM. */
export function makeServiceAccountKey(): SecretData {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { 'private.pem': privateKey, 'public.pem': publicKey }
}

/** The key of which the machines' bootstrap tokens are made: 32 random bytes as hexadecimal text. */
export function makeBootstrapTokenKey(random: Random): SecretData {
  return { key: random.bytes(32).toString('hex') }
}
