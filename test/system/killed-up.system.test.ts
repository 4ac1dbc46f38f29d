import { createCommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClusters } from './support/clusters.ts'
import { compareSnapshots, type HostSnapshot, takeHostSnapshot } from './support/host-snapshot.ts'
import { prepareInstallation, type TestInstallation } from './support/installation.ts'
import { killProgram } from './support/processes.ts'

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

describe('a first shoot of which a process is killed whenever another task begins', () => {
  it('becomes ready, and nothing is made twice', async () => {
    const tasks = new Set<string>()
    const steps = new Set<string>()
    for (let ended = false; !ended; ) ended = await runOnce(tasks, steps)
    expect([...tasks]).toEqual(
      expect.arrayContaining(['host', 'cloud', 'garden machine', 'controllers', 'shoot ready']),
    )
    expect(steps.size).toBeGreaterThanOrEqual(3)
    const clusters = createClusters(installation)
    expect(await clusters.machines()).toHaveLength(2)
    expect(await clusters.readyNodes()).toHaveLength(2)
    const servers = (await runner.run('ip', ['netns', 'list'])).stdout
      .split('\n')
      .filter((line) => line.startsWith(`${name}-srv-`))
    expect(servers).toHaveLength(3)
  })
})

/**
 * Runs `up` once. The first time that a task of its own begins (for the last: that a task of the shoot's flow does), it is killed with signal 9.
 * From then on, the first time that a task of the shoot's flow is seen, the process that runs that flow is killed. Resolves with true when `up`
 * came to its end.
 */
async function runOnce(tasks: Set<string>, steps: Set<string>): Promise<boolean> {
  const child = installation.start(['up'])
  const kills: Promise<number>[] = []
  let said = ''
  let killed = false
  let rest = ''
  const readLine = (line: string): void => {
    const [, task = '', step] = /^> (.+?)(?: \/ (.+?))? \d+\.\d s/.exec(line) ?? []
    if (task === '' || killed) return
    if (step !== undefined) {
      if (task !== 'shoot ready' || steps.has(step)) return
      steps.add(step)
      if (!tasks.has(task)) killUp(task)
      else kills.push(killProgram(installation, 'cluster-bootstrap'))
    } else if (!tasks.has(task) && task !== 'shoot ready') {
      killUp(task)
    }
  }
  const killUp = (task: string): void => {
    tasks.add(task)
    killed = true
    child.kill('SIGKILL')
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
  await Promise.all(kills)
  if (killed) return false
  if (code !== 0) throw new Failure('Unavailable', `trellis up ended with ${code}: ${said}`)
  return true
}
