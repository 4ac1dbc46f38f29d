/** A question whether the path lives, or the answer to one. */
export interface ProbeMessage {
  readonly kind: 'question' | 'answer'
  /** Who asks: a new value for each process, so that answers to an earlier one are told apart. */
  readonly asker: string
  readonly sequence: number
  /** What the sender says of itself. */
  readonly sender: EndState
}

/** What one end tells the other with each probe. */
export interface EndState {
  /** Whether what it sends to the other end leads through this link. */
  readonly carries: boolean
  /** Whether it is about to stop. */
  readonly leaving: boolean
}

const magic = Buffer.from('WGP1')
const kinds = ['question', 'answer'] as const
const flagsOffset = 4 + 1 + 8 + 4
const carriesFlag = 1
const leavingFlag = 2

/** The message as a datagram of 18 bytes. */
export function encodeProbe(message: ProbeMessage): Buffer {
  const bytes = Buffer.alloc(flagsOffset + 1)
  magic.copy(bytes)
  bytes.writeUInt8(kinds.indexOf(message.kind), 4)
  bytes.write(message.asker, 5, 8, 'hex')
  bytes.writeUInt32BE(message.sequence >>> 0, 13)
  const { carries, leaving } = message.sender
  bytes.writeUInt8((carries ? carriesFlag : 0) | (leaving ? leavingFlag : 0), flagsOffset)
  return bytes
}

/** Reads a datagram; undefined when it is not exactly a probe. Never throws. */
export function decodeProbe(bytes: Buffer): ProbeMessage | undefined {
  const kind = bytes.length === flagsOffset + 1 ? kinds[bytes.readUInt8(4)] : undefined
  if (kind === undefined || !bytes.subarray(0, 4).equals(magic)) return undefined
  const flags = bytes.readUInt8(flagsOffset)
  return {
    kind,
    asker: bytes.toString('hex', 5, 13),
    sequence: bytes.readUInt32BE(13),
    sender: { carries: (flags & carriesFlag) !== 0, leaving: (flags & leavingFlag) !== 0 },
  }
}
