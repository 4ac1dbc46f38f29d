import { createCommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BoundaryKiller, killAtBoundaries } from './support/boundary-killer.ts'
import { createClusters } from './support/clusters.ts'
import { compareSnapshots, type HostSnapshot, takeHostSnapshot } from './support/host-snapshot.ts'
import { prepareInstallation, type TestInstallation } from './support/installation.ts'

const name = 'killtest'
const runner = createCommandRunner()

let before: HostSnapshot
let installation: TestInstallation

beforeAll(async () => {
  before = await takeHostSnapshot(runner, name)
  installation = await prepareInstallation(name, '198.20')
})

afterAll(async () => {
  await installation[Symbol.asyncDispose]()
  expect(compareSnapshots(before, await takeHostSnapshot(runner, name))).toEqual([])
})

describe('a first shoot of which a process is killed at every task boundary', () => {
  it('becomes ready, and nothing is made twice', async () => {
    const begun = new Set<string>()
    let killer: BoundaryKiller | undefined
    const watchFlow = async (): Promise<void> => {
      killer ??= await killAtBoundaries(installation)
    }
    for (let ended = false; !ended; ) ended = await runOnce(begun, watchFlow)
    await killer?.[Symbol.asyncDispose]()
    expect([...begun]).toEqual(
      expect.arrayContaining(['host', 'cloud', 'garden machine', 'controllers', 'shoot ready']),
    )
    const clusters = createClusters(installation)
    const flow = JSON.parse(await clusters.garden(['get', 'shoot', 'first', '-o', 'json'])) as {
      readonly status: { readonly tasks: readonly { readonly id: string }[] }
    }
    expect([...(killer?.tasks ?? [])].sort()).toEqual(flow.status.tasks.map((task) => task.id).sort())
    expect(killer?.kills).toBeGreaterThanOrEqual(5)
    expect(await clusters.machines()).toHaveLength(2)
    expect(await clusters.readyNodes()).toHaveLength(2)
    const servers = (await runner.run('ip', ['netns', 'list'])).stdout
      .split('\n')
      .filter((line) => line.startsWith(`${name}-srv-`))
    expect(servers).toHaveLength(3)
  })
})

/**
 * Runs `up` once. The first time that a task of its own begins, it is killed with signal 9; `watchFlow` is called before that when the garden's controllers are
 * to be installed, which is when the flow of a shoot can first begin. Resolves with true when `up` came to its end.
 */
async function runOnce(begun: Set<string>, watchFlow: () => Promise<void>): Promise<boolean> {
  const child = installation.start(['up'])
  const watching: Promise<void>[] = []
  let said = ''
  let killed = false
  let rest = ''
  const readLine = (line: string): void => {
    const task = /^> (.+?)(?: \/ .+?)? \d+\.\d s/.exec(line)?.[1]
    if (task === undefined || killed || begun.has(task)) return
    begun.add(task)
    killed = true
    child.kill('SIGKILL')
    if (task === 'controllers') watching.push(watchFlow())
  }
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) readLine(line)
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  await Promise.all(watching)
  if (killed) return false
  if (code !== 0) throw new Failure('Unavailable', `trellis up ended with ${code}: ${said}`)
  return true
}
