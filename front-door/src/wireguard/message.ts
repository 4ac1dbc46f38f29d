/** What a datagram is by WireGuard's own head. Indices are the numbers by which the two ends know a session. */
export type Message =
  | { readonly kind: 'initiation'; readonly sender: number }
  | { readonly kind: 'response'; readonly sender: number; readonly receiver: number }
  | { readonly kind: 'cookie'; readonly receiver: number }
  | { readonly kind: 'data'; readonly receiver: number }

/** Lengths in bytes of the messages that have one, and the least that data has (a head and a tag around nothing). */
export const messageLengths = { initiation: 148, response: 92, cookie: 64, leastData: 32 } as const

/**
 * Reads the head of a datagram; undefined when it is none of WireGuard's four messages. Nothing is proven by it: whoever likes can write a head.
 * Source: the WireGuard paper, section 5.4 (type in one byte, three of zeros, numbers with the least byte first).
 */
export function readMessage(bytes: Buffer): Message | undefined {
  if (bytes.length < messageLengths.leastData) return undefined
  const word = (offset: number) => bytes.readUInt32LE(offset)
  switch (word(0)) {
    case 1:
      return bytes.length === messageLengths.initiation ? { kind: 'initiation', sender: word(4) } : undefined
    case 2:
      return bytes.length === messageLengths.response
        ? { kind: 'response', sender: word(4), receiver: word(8) }
        : undefined
    case 3:
      return bytes.length === messageLengths.cookie ? { kind: 'cookie', receiver: word(4) } : undefined
    case 4:
      return { kind: 'data', receiver: word(4) }
    default:
      return undefined
  }
}
