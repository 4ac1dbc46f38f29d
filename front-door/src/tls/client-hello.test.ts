import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { recordHello } from '../../testing/hello.ts'
import { longestHelloStream, readClientHello } from './client-hello.ts'

describe('the hello of a TLS client', () => {
  let named: Buffer
  let nameless: Buffer
  beforeAll(async () => {
    named = await recordHello('API.one.example.org')
    nameless = await recordHello(undefined)
  })

  it('gives the name that it asks for, in lower case', () => {
    expect(readClientHello(named)).toEqual({ kind: 'named', serverName: 'api.one.example.org' })
    expect(readClientHello(nameless)).toEqual({ kind: 'nameless' })
  })

  it('is waited for until its last byte', () => {
    for (let length = 0; length < named.length; length++) {
      expect(readClientHello(named.subarray(0, length))).toEqual({ kind: 'more' })
    }
  })

  it('may be cut into records of any size, and have anything after it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), fc.uint8Array(), (sizes, rest) => {
        const stream = Buffer.concat([cut(named.subarray(5), sizes), rest])
        expect(readClientHello(stream)).toMatchObject({ kind: 'named' })
      }),
    )
  })

  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['an alert', Buffer.from([21, 3, 3, 0, 2, 2, 112])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['a record that is too long', Buffer.from([22, 3, 1, 0xff, 0xff])],
    ['a message that is too long', Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0])],
    ['another message', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])],
    ['a hello without content', Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0])],
  ])('is not %s', (_, bytes) => {
    expect(readClientHello(bytes)).toEqual({ kind: 'malformed' })
  })

  it('is given up when it would never end', () => {
    const hello = Buffer.concat([Buffer.from([1, 0, 0x40, 0]), Buffer.alloc(2 ** 14)])
    const stream = cut(hello, [1]).subarray(0, longestHelloStream)
    expect(readClientHello(stream)).toEqual({ kind: 'malformed' })
  })

  it('never makes the reader fail, whatever is changed or cut', () => {
    const kinds = ['more', 'nameless', 'malformed', 'named']
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), fc.nat(), (place, value, length) => {
        const bytes = Buffer.from(named)
        bytes[place % bytes.length] = value
        expect(kinds).toContain(readClientHello(bytes.subarray(0, length % (bytes.length + 1))).kind)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) =>
        kinds.includes(readClientHello(Buffer.from(bytes)).kind),
      ),
    )
  })

  it.each(['a..b', '.a', 'a b', 'ä.example', `${'a'.repeat(64)}.b`])('with the name %j is refused', (name) => {
    expect(readClientHello(withName(named, name))).toEqual({ kind: 'malformed' })
  })
})

/** A message in records of these sizes, one after the other and from the first again. */
function cut(message: Buffer, sizes: readonly number[]): Buffer {
  const records: Buffer[] = []
  for (let at = 0, turn = 0; at < message.length; turn++) {
    const part = message.subarray(at, at + (sizes[turn % sizes.length] ?? 1))
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
    at += part.length
  }
  return Buffer.concat(records)
}

/** A hello whose one extension is a server name. */
function withName(hello: Buffer, name: string): Buffer {
  const bytes = Buffer.from(name, 'latin1')
  const two = (value: number) => Buffer.from([value >> 8, value & 255])
  const entry = Buffer.concat([Buffer.from([0]), two(bytes.length), bytes])
  const extension = Buffer.concat([two(0), two(entry.length + 2), two(entry.length), entry])
  const body = Buffer.concat([
    hello.subarray(9, 43),
    Buffer.from([0, 0, 2, 0x13, 1, 1, 0]),
    two(extension.length),
    extension,
  ])
  return cut(Buffer.concat([Buffer.from([1, 0]), two(body.length), body]), [16_000])
}
