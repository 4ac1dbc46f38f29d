/** Why the door closes a stream, as TLS says it. Source: RFC 8446 section 6.2. */
const descriptions = { decode_error: 50, internal_error: 80, unrecognized_name: 112 } as const

/** A fatal alert as a record, which a client that has said its hello understands before any key is agreed on. */
export function alertRecord(description: keyof typeof descriptions): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, descriptions[description]])
}
