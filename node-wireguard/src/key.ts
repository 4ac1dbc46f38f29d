import { createPrivateKey, createPublicKey } from 'node:crypto'
import { Failure, InvariantError } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'

/** A WireGuard private key in base64. Made by {@link parsePrivateKey} and {@link generatePrivateKey} only. */
export type PrivateKey = string & { readonly brand: 'PrivateKey' }
/** A WireGuard public key in base64, the name by which a device knows a peer. */
export type PublicKey = string & { readonly brand: 'PublicKey' }
/** A symmetric key in base64 that two peers share besides their key pairs. */
export type PresharedKey = string & { readonly brand: 'PresharedKey' }

const keyLengthBytes = 32
const hexPattern = /^[0-9a-f]{64}$/i

/**
 * Reads a private key in base64 or hex and clamps it as devices do, so that a device's answer compares equal. Throws `Invalid` that
 * names `field` and never repeats the text.
 */
export function parsePrivateKey(text: string, field = 'privateKey'): PrivateKey {
  return clamp(Buffer.from(parseKey(text, field), 'base64'))
}

/** Reads a public key in base64 or hex. Throws `Invalid` that names `field`. */
export function parsePublicKey(text: string, field = 'publicKey'): PublicKey {
  return parseKey(text, field) as PublicKey
}

/** Reads a preshared key in base64 or hex. Throws `Invalid` that names `field` and never repeats the text. */
export function parsePresharedKey(text: string, field = 'presharedKey'): PresharedKey {
  return parseKey(text, field) as PresharedKey
}

/** A new private key, clamped as X25519 asks, so that every tool prints it back unchanged. */
export function generatePrivateKey(random: Random): PrivateKey {
  return clamp(Buffer.from(random.bytes(keyLengthBytes)))
}

/** A new preshared key. */
export function generatePresharedKey(random: Random): PresharedKey {
  return random.bytes(keyLengthBytes).toString('base64') as PresharedKey
}

/** What stands before the 32 bytes of an X25519 private key in PKCS #8, the only raw form that Node reads without the public half. */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** The public key that belongs to a private key. */
export function publicKeyOf(privateKey: PrivateKey): PublicKey {
  const der = Buffer.concat([pkcs8Prefix, Buffer.from(privateKey, 'base64')])
  const { x } = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).export({ format: 'jwk' })
  if (x === undefined) throw new InvariantError('an X25519 public key has no x coordinate')
  return Buffer.from(x, 'base64url').toString('base64') as PublicKey
}

/** Any of the three keys as 64 lower-case hex digits, the form of the configuration protocol. */
export function keyToHex(key: PrivateKey | PublicKey | PresharedKey): string {
  return Buffer.from(key, 'base64').toString('hex')
}

/** Whether the text is a key of nothing but zeros, which the protocols write for "none". */
export function isZeroKey(text: string): boolean {
  return /^0{64}$/.test(text) || text === `${'A'.repeat(43)}=`
}

/** Clears and sets the bits that X25519 ignores. */
function clamp(key: Buffer): PrivateKey {
  key.writeUInt8(key.readUInt8(0) & 248, 0)
  key.writeUInt8((key.readUInt8(31) & 127) | 64, 31)
  return key.toString('base64') as PrivateKey
}

function parseKey(text: string, field: string): string {
  const trimmed = text.trim()
  if (hexPattern.test(trimmed)) return Buffer.from(trimmed, 'hex').toString('base64')
  const bytes = Buffer.from(trimmed, 'base64')
  const canonical = bytes.toString('base64')
  if (bytes.length === keyLengthBytes && canonical === trimmed) return canonical
  throw new Failure('Invalid', 'is not a WireGuard key', {
    field,
    remedy: 'a key is 32 bytes in base64 (44 characters) or hex (64 digits), as `wg genkey` prints it',
  })
}
