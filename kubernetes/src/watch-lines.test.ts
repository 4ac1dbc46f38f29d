import { isFailure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { parseEvent, readLines } from './watch-lines.ts'

async function* chunksOf(bytes: Buffer, sizes: () => number) {
  for (let start = 0; start < bytes.length; ) {
    const end = start + sizes()
    yield bytes.subarray(start, end)
    start = end
  }
}

async function linesOf(chunks: AsyncIterable<Buffer>) {
  const lines: string[] = []
  for await (const line of readLines(chunks)) lines.push(line)
  return lines
}

describe('lines of a watch', () => {
  it.each(['one', 'two', 'three', 'four'])('are the same however the bytes arrive (seed %s)', async (seed) => {
    const random = createSeededRandom(seed)
    const lines = Array.from({ length: 200 }, (_, index) => `${index}: ${'gärten 🌱 '.repeat(random.integer(20))}`)
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
    expect(await linesOf(chunksOf(bytes, () => 1 + random.integer(60)))).toEqual(lines)
  })

  it('are a fault when the last one is cut', async () => {
    const seen: string[] = []
    const read = async () => {
      for await (const line of readLines(chunksOf(Buffer.from('whole\nhal'), () => 4))) seen.push(line)
    }
    await expect(read()).rejects.toMatchObject({ kind: 'Unavailable' })
    expect(seen).toEqual(['whole'])
  })
})

describe('an event', () => {
  it('is read from its line', () => {
    const event = { type: 'ADDED', object: { kind: 'ConfigMap', metadata: { name: 'a' } } }
    expect(parseEvent(JSON.stringify(event), '/')).toEqual(event)
  })

  it.each([
    ['no JSON', '{"type":"ADDED","obj'],
    ['no object', 'null'],
    ['an unknown type', '{"type":"EXPLODED","object":{"metadata":{}}}'],
    ['no metadata', '{"type":"ADDED","object":{}}'],
    ['nothing', ''],
  ])('is a fault when its line holds %s', (_what, line) => {
    expect(() => parseEvent(line, '/')).toThrow(expect.objectContaining({ kind: 'Unavailable' }))
  })

  it.each([
    [410, 'Gone'],
    [429, 'Throttled'],
    [500, 'Unavailable'],
    [403, 'Forbidden'],
  ] as const)('of type ERROR with code %i is thrown as %s', (code, kind) => {
    const line = JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code, message: 'because' } })
    try {
      parseEvent(line, '/')
      expect.unreachable()
    } catch (error) {
      expect(isFailure(error, kind)).toBe(true)
      expect(error).toMatchObject({ message: 'because' })
    }
  })

  it('of type ERROR that is no Status is a fault', () => {
    expect(() => parseEvent('{"type":"ERROR","object":"?"}', '/')).toThrow(
      expect.objectContaining({ kind: 'Unavailable' }),
    )
  })
})
