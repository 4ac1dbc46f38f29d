/**
 * What the first bytes of a stream say. `more`: not enough yet. `nameless`: a TLS client that names no server. `malformed`: no TLS client, or one that
 * says more than is read here.
 */
export type ClientHello =
  | { readonly kind: 'more' | 'nameless' | 'malformed' }
  | { readonly kind: 'named'; readonly serverName: string }

const handshakeRecord = 22
const clientHelloMessage = 1
const serverNameExtension = 0
const hostNameEntry = 0
const longestRecord = 2 ** 14
/** Real ones take some hundred bytes, those with keys for quantum computers less than two thousand. */
const longestHello = 2 ** 14

/** The most that has to be kept of a stream until its hello is complete: each record has a head of five bytes, and may hold little. */
export const longestHelloStream = 2 * longestHello

/**
 * Reads the server name out of the first bytes of a TLS client's stream, however they are cut into records, and nothing else. Source: RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3.
 * Names are given in lower case.
 */
export function readClientHello(stream: Buffer): ClientHello {
  const { bytes, malformed } = joinRecords(stream)
  if (malformed) return { kind: 'malformed' }
  if (bytes.length < 4) return { kind: 'more' }
  const length = bytes.readUIntBE(1, 3)
  if (bytes[0] !== clientHelloMessage || length > longestHello) return { kind: 'malformed' }
  if (bytes.length < 4 + length) return stream.length < longestHelloStream ? { kind: 'more' } : { kind: 'malformed' }
  return readHello(createReader(bytes.subarray(4, 4 + length)))
}

/** The content of all records that are complete, and of the last one what there is of it. */
function joinRecords(stream: Buffer): { readonly bytes: Buffer; readonly malformed: boolean } {
  const parts: Buffer[] = []
  for (let at = 0; at < stream.length; ) {
    const head = stream.subarray(at, at + 5)
    const length = head.length === 5 ? head.readUInt16BE(3) : 1
    const wrong =
      head[0] !== handshakeRecord || (head.length > 1 && head[1] !== 3) || length === 0 || length > longestRecord
    if (wrong) return { bytes: Buffer.concat(parts), malformed: parts.length === 0 || !isWhole(Buffer.concat(parts)) }
    parts.push(stream.subarray(at + 5, at + 5 + length))
    at += 5 + length
  }
  return { bytes: Buffer.concat(parts), malformed: false }
}

/** Whether the hello is complete: what comes after it is not looked at. */
function isWhole(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.length >= 4 + bytes.readUIntBE(1, 3)
}

/** Takes one field after the other; undefined once something is shorter than it claims. */
interface Reader {
  number(bytes: 1 | 2): number | undefined
  /** So many bytes, or as many as a number of one or two bytes before them says. */
  block(length: { readonly fixed: number } | { readonly prefix: 1 | 2 }): Buffer | undefined
  left(): number
}

function createReader(bytes: Buffer): Reader {
  let at = 0
  const number = (size: 1 | 2) => {
    if (at + size > bytes.length) return undefined
    at += size
    return bytes.readUIntBE(at - size, size)
  }
  return {
    number,
    block: (length) => {
      const size = 'fixed' in length ? length.fixed : number(length.prefix)
      if (size === undefined || at + size > bytes.length) return undefined
      at += size
      return bytes.subarray(at - size, at)
    },
    left: () => bytes.length - at,
  }
}

function readHello(hello: Reader): ClientHello {
  const versionAndRandom = hello.block({ fixed: 34 })
  const session = hello.block({ prefix: 1 })
  const suites = hello.block({ prefix: 2 })
  const compressions = hello.block({ prefix: 1 })
  if ([versionAndRandom, session, suites, compressions].includes(undefined)) return { kind: 'malformed' }
  // Before there were extensions a hello ended here.
  if (hello.left() === 0) return { kind: 'nameless' }
  const extensions = hello.block({ prefix: 2 })
  return extensions === undefined ? { kind: 'malformed' } : findServerName(createReader(extensions))
}

function findServerName(extensions: Reader): ClientHello {
  while (extensions.left() > 0) {
    const type = extensions.number(2)
    const content = extensions.block({ prefix: 2 })
    if (content === undefined) return { kind: 'malformed' }
    if (type === serverNameExtension) return readServerName(createReader(content))
  }
  return { kind: 'nameless' }
}

function readServerName(extension: Reader): ClientHello {
  const list = extension.block({ prefix: 2 })
  if (list === undefined) return { kind: 'malformed' }
  const entries = createReader(list)
  const type = entries.number(1)
  const name = entries.block({ prefix: 2 })?.toString('latin1')
  if (type !== hostNameEntry || name === undefined || !namePattern.test(name)) return { kind: 'malformed' }
  return { kind: 'named', serverName: name.toLowerCase() }
}

/** Names of the domain name system, as TLS carries them: without a dot at the end, in ASCII. */
const namePattern = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/i
