import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'

/**
 * A question whether the path lives, one that is filled up to a size, or the answer to either. Answers are always small, so that each end tests the direction in which it sends.
 * An end that does not know filled questions ignores them.
 */
export interface ProbeMessage {
  readonly kind: 'question' | 'answer' | 'filled-question'
  /** Who asks, as 16 hexadecimal digits. */
  readonly asker: string
  readonly sequence: number
  /** What the sender says of itself. */
  readonly sender: EndState
  /** Whether the sender has heard nothing of the receiver lately. An end that does not know this never says so. */
  readonly deaf: boolean
}

/** What one end tells the other with each probe. */
export interface EndState {
  /** Whether what it sends to the other end leads through this link. */
  readonly carries: boolean
  /** Whether it is about to stop. */
  readonly leaving: boolean
}

/** Hexadecimal digits of a home. */
export const homeDigits = 8

/** Who asks: its home, and a value that is new for each probe, so that answers to an earlier one are told apart. */
export function askerOf(home: string, random: Random): string {
  return home + random.bytes(4).toString('hex')
}

/**
 * Home of whoever asks: the network namespace that it lives in, as eight hexadecimal digits. A program that starts again has the home that it had,
 * a pod that takes the place of another has a new one.
 */
export function homeOf(asker: string): string {
  return asker.slice(0, homeDigits)
}

const magic = Buffer.from('WGP1')
const kinds = ['question', 'answer', 'filled-question'] as const
const flagsOffset = 4 + 1 + 8 + 4
const carriesFlag = 1
const leavingFlag = 2
const deafFlag = 4

/** Bytes of a message that is not filled. */
export const probeBytes = flagsOffset + 1
/** The most that one UDP datagram carries, over IPv4. */
const largestBytes = 65_507

/** The message as a datagram of 18 bytes; a filled question of `length`, with zeros at its end. Throws `Invalid` for a length that it cannot have. */
export function encodeProbe(message: ProbeMessage, length: number = probeBytes): Buffer {
  const longest = message.kind === 'filled-question' ? largestBytes : probeBytes
  if (!Number.isInteger(length) || length < probeBytes || length > longest) {
    throw new Failure('Invalid', `a ${message.kind} cannot be ${length} bytes long`, { field: 'length' })
  }
  const bytes = Buffer.alloc(length)
  magic.copy(bytes)
  bytes.writeUInt8(kinds.indexOf(message.kind), 4)
  bytes.write(message.asker, 5, 8, 'hex')
  bytes.writeUInt32BE(message.sequence >>> 0, 13)
  const { carries, leaving } = message.sender
  const flags = (carries ? carriesFlag : 0) | (leaving ? leavingFlag : 0) | (message.deaf ? deafFlag : 0)
  bytes.writeUInt8(flags, flagsOffset)
  return bytes
}

/** Reads a datagram; undefined when it is not exactly a probe. Never throws. */
export function decodeProbe(bytes: Buffer): ProbeMessage | undefined {
  if (bytes.length < probeBytes || !bytes.subarray(0, 4).equals(magic)) return undefined
  const kind = kinds[bytes.readUInt8(4)]
  if (kind === undefined || !mayFollow(kind, bytes.subarray(probeBytes))) return undefined
  const flags = bytes.readUInt8(flagsOffset)
  return {
    kind,
    asker: bytes.toString('hex', 5, 13),
    sequence: bytes.readUInt32BE(13),
    sender: { carries: (flags & carriesFlag) !== 0, leaving: (flags & leavingFlag) !== 0 },
    deaf: (flags & deafFlag) !== 0,
  }
}

function mayFollow(kind: ProbeMessage['kind'], rest: Buffer): boolean {
  return kind === 'filled-question' ? rest.every((byte) => byte === 0) : rest.length === 0
}
