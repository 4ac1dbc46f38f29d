import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { startEcho, testProgram } from '../../testing/landscape.ts'
import { type Namespace, openLaboratory, runnerIn } from '../../testing/namespaces.ts'
import { parseCidr } from '../address.ts'
import { endConnections } from './connections.ts'

describe('ending connections', () => {
  it('ends those to the networks, of either family, and no others', async () => {
    await using laboratory = openLaboratory()
    const [here, there] = [await laboratory.namespace('here'), await laboratory.namespace('there')]
    const link = { here: '192.0.2.1/24', there: '192.0.2.2/24' }
    await laboratory.cable(
      { in: here, interfaceName: 'eth0', address: link.here },
      { in: there, interfaceName: 'eth0', address: link.there },
    )
    const destinations = ['10.1.0.1', '10.2.0.1', 'fd00:1::1', 'fd00:2::1'] as const
    await here.run('ip', 'address', 'add', 'fd00::1/64', 'dev', 'eth0', 'nodad')
    await there.run('ip', 'address', 'add', 'fd00::2/64', 'dev', 'eth0', 'nodad')
    for (const address of destinations) {
      const of6 = address.includes(':')
      await there.run('ip', 'address', 'add', `${address}/${of6 ? 128 : 32}`, 'dev', 'eth0', ...(of6 ? ['nodad'] : []))
      await here.run('ip', 'route', 'add', address, 'via', of6 ? 'fd00::2' : '192.0.2.2')
    }
    await startEcho(there, '::')
    const ended = new Map<string, string>()
    for (const address of destinations) await connect(here, address, (problem) => ended.set(address, problem))
    await endConnections(runnerIn(here), [])
    await endConnections(
      runnerIn(here),
      ['10.2.0.0/16', 'fd00:2::/64', '10.3.0.0/16'].map((text) => parseCidr(text)),
    )
    await eventually('two ends', () => (ended.size >= 2 ? true : undefined))
    expect([...ended].toSorted()).toEqual([
      ['10.2.0.1', 'ECONNABORTED'],
      ['fd00:2::1', 'ECONNABORTED'],
    ])
  })

  it('says so when it cannot be done', async () => {
    const runner = { run: async () => ({ code: 255, stdout: '', stderr: 'no netlink' }) }
    await expect(endConnections(runner, [parseCidr('10.0.0.0/8')])).rejects.toMatchObject({ kind: 'Unavailable' })
  })
})

/** Resolves once something has come back. */
async function connect(from: Namespace, address: string, onProblem: (problem: string) => void): Promise<void> {
  const child = from.start(process.execPath, [testProgram('wait'), address])
  let open = false
  child.stdout?.on('data', (chunk: Buffer) => {
    const { problem } = JSON.parse(chunk.toString())
    if (problem === undefined) open = true
    else onProblem(problem)
  })
  await eventually(`a connection to ${address}`, () => (open ? true : undefined))
}
