import { Buffer } from 'node:buffer'

/** A question whether the path lives, or the answer to one. */
export interface ProbeMessage {
  readonly kind: 'question' | 'answer'
  /** Who asks: a new value for each process, so that answers to an earlier one are told apart. */
  readonly asker: string
  readonly sequence: number
}

const magic = Buffer.from('WGP1')
const kinds = ['question', 'answer'] as const
const lengthBytes = 4 + 1 + 8 + 4

/** The message as a datagram of 17 bytes. */
export function encodeProbe(message: ProbeMessage): Buffer {
  const bytes = Buffer.alloc(lengthBytes)
  magic.copy(bytes)
  bytes.writeUInt8(kinds.indexOf(message.kind), 4)
  bytes.write(message.asker, 5, 8, 'hex')
  bytes.writeUInt32BE(message.sequence >>> 0, 13)
  return bytes
}

/** Reads a datagram; undefined when it is not exactly a probe. Never throws. */
export function decodeProbe(bytes: Buffer): ProbeMessage | undefined {
  const kind = bytes.length === lengthBytes ? kinds[bytes.readUInt8(4)] : undefined
  if (kind === undefined || !bytes.subarray(0, 4).equals(magic)) return undefined
  return { kind, asker: bytes.toString('hex', 5, 13), sequence: bytes.readUInt32BE(13) }
}
