import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { never } from '../../testing/never.ts'
import { ended, frame, greet, type OpenRelayServer, openRelayServer } from '../../testing/relay-server.ts'

const clock = createSystemClock()
const random = createSystemRandom()

describe('the stream of a client that is let in', () => {
  it.each([
    { name: 'a length that no datagram has', bytes: Buffer.from([0xff, 0xff, 0xff, 0xff]) },
    { name: 'a datagram longer than its frame', bytes: frame(100, Buffer.alloc(99)) },
    { name: 'datagrams without length', bytes: frame(0, Buffer.alloc(10)) },
    { name: 'more datagrams than the kernel takes at once', bytes: frame(1, Buffer.alloc(65)) },
  ])('ends at $name', async ({ bytes }) => {
    await using opened = await openRelayServer()
    const socket = await greet(opened)
    socket.write(bytes)
    await ended(socket)
    await eventually('no connection', () => opened.server.state().connections.size === 0 || undefined)
  })

  it('ends when nothing comes for five seconds, not even a sign of life', async () => {
    await using opened = await openRelayServer()
    const socket = await greet(opened)
    const startedAt = clock.now()
    await ended(socket)
    expect(clock.now() - startedAt).toBeGreaterThan(4500)
    expect(clock.now() - startedAt).toBeLessThan(never)
  })

  it('may be cut anywhere: the datagrams are the same', async () => {
    await using opened = await openRelayServer()
    const socket = await greet(opened)
    const came: Buffer[] = []
    opened.device.on('message', (bytes) => came.push(bytes))
    const bundles = fc.array(
      fc.record({
        segmentBytes: fc.integer({ min: 1, max: 700 }),
        count: fc.integer({ min: 1, max: 20 }),
        last: fc.double({ min: 0.01, max: 1, noNaN: true }),
      }),
      { minLength: 1, maxLength: 3 },
    )
    const cuts = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 10 })
    await fc.assert(
      fc.asyncProperty(bundles, cuts, async (wanted, lengths) => {
        came.length = 0
        const datagrams: Buffer[] = []
        const frames = wanted.map(({ segmentBytes, count, last }) => {
          const parts = Array.from({ length: count }, (_, index) =>
            random.bytes(index < count - 1 ? segmentBytes : Math.ceil(segmentBytes * last)),
          )
          datagrams.push(...parts)
          return frame(count === 1 ? (parts[0]?.length ?? 0) : segmentBytes, Buffer.concat(parts))
        })
        const stream = Buffer.concat([...frames, frame(0, Buffer.alloc(0))])
        for (let at = 0, index = 0; at < stream.length; index++) {
          const length = lengths[index % lengths.length] ?? 1
          socket.write(stream.subarray(at, at + length))
          at += length
        }
        await eventually('all datagrams', () => came.length === datagrams.length || undefined, 3000)
        expect(came.every((bytes, index) => datagrams[index]?.equals(bytes))).toBe(true)
      }),
      { numRuns: 40 },
    )
    socket.destroy()
  })

  it('holds little back for a client that does not read, and gives it what is new when it does again', async () => {
    await using opened = await openRelayServer()
    const socket = await greet(opened)
    const relay = await firstSender(opened, socket)
    socket.pause()
    const datagram = Buffer.alloc(1400)
    for (let number = 0; number < 20_000; number++) {
      datagram.writeUInt32BE(number, 0)
      opened.device.send(datagram, relay.port, relay.address)
      if (number % 100 === 0) await clock.sleep(1)
    }
    let came = 0
    let fresh = false
    socket.on('data', (bytes: Buffer) => {
      came += bytes.length
      fresh ||= bytes.includes(Buffer.alloc(100, 0x77))
    })
    socket.resume()
    datagram.fill(0x77)
    await eventually('what is new', () => {
      opened.device.send(datagram, relay.port, relay.address)
      return fresh || undefined
    })
    process.stdout.write(`${JSON.stringify({ sent: 28_000_000, waited: came })}\n`)
    expect(came).toBeLessThan(8_000_000)
    socket.destroy()
  })

  it('is one of three at most for each link: the oldest ends', async () => {
    await using opened = await openRelayServer()
    const first = await greet(opened)
    const others = [await greet(opened), await greet(opened)]
    await eventually('three', () => opened.server.state().connections.get(opened.link) === 3 || undefined)
    others.push(await greet(opened))
    await ended(first)
    expect(others.some((socket) => socket.closed)).toBe(false)
    for (const socket of others) socket.destroy()
  })
})

/** Where the server's socket towards the device is: it shows when something comes from it. */
async function firstSender({ device }: OpenRelayServer, socket: TLSSocket): Promise<{ address: string; port: number }> {
  const came = once(device, 'message')
  socket.write(frame(5, Buffer.from('hello')))
  const [, from] = await came
  return from
}
