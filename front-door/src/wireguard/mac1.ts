import { timingSafeEqual } from 'node:crypto'
import { blake2s } from '@noble/hashes/blake2.js'
import type { PublicKey } from 'node-wireguard/key'
import { messageLengths } from './message.ts'

/** The key that proves for whom a handshake is: a digest of the responder's public key. */
export type Mac1Key = Uint8Array & { readonly brand: 'Mac1Key' }

const label = Buffer.from('mac1----')
const macBytes = 16
/** An initiation ends with two such codes; the first covers all that stands before both. */
const coveredBytes = messageLengths.initiation - 2 * macBytes

/** Makes the key for a responder. Source: the WireGuard paper, section 5.4.4. */
export function mac1KeyOf(publicKey: PublicKey): Mac1Key {
  return blake2s(Buffer.concat([label, Buffer.from(publicKey, 'base64')])) as Mac1Key
}

/**
 * Whether an initiation of full length is meant for the responder of this key. It shows that the sender knows the responder's public key and nothing more: who he is only the
 * responder can tell.
 */
export function isMeantFor(initiation: Buffer, key: Mac1Key): boolean {
  const code = blake2s(initiation.subarray(0, coveredBytes), { key, dkLen: macBytes })
  return timingSafeEqual(code, initiation.subarray(coveredBytes, coveredBytes + macBytes))
}
