import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { eventually } from 'node-wireguard/testing/eventually'
import { describe, expect, it } from 'vitest'
import { golden } from '../../testing/golden.ts'
import { watchDestinationFiles } from './destination-files.ts'
import { type Destinations, mergeDestinations, parseDestinations } from './destinations.ts'

const tunnel = (name: string, publicKey: string = golden.responder) => ({
  name,
  publicKeys: [publicKey],
  address: '10.1.0.2',
  port: 51_820,
})
const textOf = (...tunnels: readonly object[]) => JSON.stringify({ tunnels })

describe('destinations', () => {
  it('are read with addresses and names in one form', () => {
    const text = JSON.stringify({
      tunnels: [{ ...tunnel('a'), address: 'FD00:0::2' }],
      servers: [{ serverNames: ['API.Example.org'], targets: [{ address: '10.1.0.2', port: 6443 }] }],
    })
    expect(parseDestinations(text)).toEqual({
      tunnels: [{ name: 'a', publicKeys: [golden.responder], target: { address: 'fd00::2', port: 51_820 } }],
      servers: [{ serverNames: ['api.example.org'], targets: [{ address: '10.1.0.2', port: 6443 }] }],
    })
  })

  it.each([
    ['(root)', 'no'],
    ['tunnels[1].port', textOf(tunnel('a'), { ...tunnel('b'), port: 0 })],
    ['tunnels[0].adress', textOf({ ...tunnel('a'), adress: '10.0.0.1' })],
    ['tunnels[0].address', textOf({ ...tunnel('a'), address: 'kube-apiserver' })],
    ['tunnels[0].publicKeys[0]', textOf(tunnel('a', 'short'))],
  ])('name %s when it is wrong', (field, text) => {
    expect(() => parseDestinations(text)).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })

  it('of several sources keep what the first has claimed', () => {
    const sources = [
      parseDestinations(textOf(tunnel('a'))),
      parseDestinations(textOf(tunnel('b'), tunnel('a', golden.initiator))),
    ]
    const { destinations, refused } = mergeDestinations(sources)
    expect(destinations.tunnels.map(({ name }) => name)).toEqual(['a'])
    expect(refused).toEqual(['a claims a name of a', 'b claims a key of a'])
    expect(refused.join()).not.toContain(golden.responder)
  })
})

describe('files of destinations', () => {
  async function watched(path: string) {
    const changes: (readonly Destinations[])[] = []
    const files = await watchDestinationFiles({
      clock: createSystemClock(),
      log: createSilentLog(),
      path,
      onChange: (sources) => changes.push(sources),
    })
    const names = () => changes.at(-1)?.flatMap(({ tunnels }) => tunnels.map(({ name }) => name))
    return { files, names }
  }

  it('are read again when one is replaced, comes or is broken', async () => {
    await using directory = await createTemporaryDirectory()
    const [first, second] = ['1.json', '2.json'].map((name) => join(directory.path, name)) as [string, string]
    await writeFile(first, textOf(tunnel('a')))
    const { files, names } = await watched(directory.path)
    await using _ = files
    expect(names()).toEqual(['a'])
    await writeFile(`${first}.new`, textOf(tunnel('c')))
    await rename(`${first}.new`, first)
    await eventually('the other', () => (names()?.join() === 'c' ? true : undefined))
    await writeFile(second, textOf(tunnel('b', golden.initiator)))
    await eventually('both', () => (names()?.join() === 'c,b' ? true : undefined))
    await writeFile(second, '{')
    await eventually('the problem', () => files.problem())
    expect(files.problem()).toContain('2.json')
    expect(names()).toEqual(['c', 'b'])
    await writeFile(second, textOf(tunnel('d', golden.initiator)))
    await eventually('the mended one', () => (names()?.join() === 'c,d' ? true : undefined))
    expect(files.problem()).toBeUndefined()
  })

  it('that are missing or wrong at first are refused', async () => {
    await using directory = await createTemporaryDirectory()
    const path = join(directory.path, 'destinations.json')
    await expect(watched(path)).rejects.toMatchObject({ kind: 'NotFound' })
    await writeFile(path, '[]')
    await expect(watched(path)).rejects.toMatchObject({ kind: 'Invalid' })
  })
})
