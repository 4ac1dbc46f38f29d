import { blake2s } from '@noble/hashes/blake2.js'
import type { PublicKey } from 'node-wireguard/key'
import { mac1KeyOf } from '../src/wireguard/mac1.ts'

/** An initiation that proves to know this key and is otherwise void. */
export function initiationFor(publicKey: PublicKey, sender = 1): Buffer {
  const bytes = Buffer.alloc(148)
  bytes.writeUInt32LE(1, 0)
  bytes.writeUInt32LE(sender, 4)
  const code = blake2s(bytes.subarray(0, 116), { key: mac1KeyOf(publicKey), dkLen: 16 })
  bytes.set(code, 116)
  return bytes
}

/** A response from the session `sender` to the session `receiver`, otherwise void. */
export function response(sender: number, receiver: number): Buffer {
  const bytes = Buffer.alloc(92)
  bytes.writeUInt32LE(2, 0)
  bytes.writeUInt32LE(sender, 4)
  bytes.writeUInt32LE(receiver, 8)
  return bytes
}

/** A data packet for the session `receiver`, otherwise void. */
export function data(receiver: number): Buffer {
  const bytes = Buffer.alloc(48)
  bytes.writeUInt32LE(4, 0)
  bytes.writeUInt32LE(receiver, 4)
  return bytes
}

/** A cookie for the session `receiver`, otherwise void. */
export function cookie(receiver: number): Buffer {
  const bytes = Buffer.alloc(64)
  bytes.writeUInt32LE(3, 0)
  bytes.writeUInt32LE(receiver, 4)
  return bytes
}
