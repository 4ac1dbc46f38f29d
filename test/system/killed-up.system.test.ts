import { createCommandRunner } from '@trellis/foundation/command'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareSnapshots, type HostSnapshot, takeHostSnapshot } from './support/host-snapshot.ts'
import { eventually, prepareInstallation, type TestInstallation } from './support/installation.ts'

const runner = createCommandRunner()

/** Longest that one run may go on before it is killed although no further task has begun. */
const patienceSeconds = 600

let before: HostSnapshot
let installation: TestInstallation

interface Status {
  readonly ready: boolean
  readonly tasks: readonly { readonly id: string; readonly state: string }[]
}

async function status(): Promise<Status> {
  return JSON.parse((await installation.trellis(['status', '-o', 'json'])).stdout) as Status
}

beforeAll(async () => {
  before = await takeHostSnapshot(runner, 'killtest')
  installation = await prepareInstallation('killtest', '198.20')
})

afterAll(async () => {
  await installation[Symbol.asyncDispose]()
  expect(compareSnapshots(before, await takeHostSnapshot(runner, 'killtest'))).toEqual([])
})

describe('trellis up, killed whenever another task begins', () => {
  it('goes on each time and makes nothing twice', async () => {
    const interrupted = new Set<string>()
    for (;;) {
      const next = await runUntilNewTask(interrupted)
      if (next === undefined) break
      interrupted.add(next)
    }
    expect(interrupted.size).toBeGreaterThan(8)
    expect((await status()).ready).toBe(true)
    const cloud = await installation.must([
      'kubectl',
      '--seed',
      '-n',
      'shoot--local--first',
      'get',
      'machines',
      '-o',
      'name',
    ])
    expect(cloud.trim().split('\n')).toHaveLength(2)
    expect((await installation.must(['kubectl', 'get', 'nodes', '-o', 'name'])).trim().split('\n')).toHaveLength(2)
  })
})

/** Runs `up` until a task begins that no earlier run was killed in, kills it with signal 9 and returns that task; undefined when it ended well. */
async function runUntilNewTask(interrupted: ReadonlySet<string>): Promise<string | undefined> {
  const child = installation.start(['up'])
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const seen = new Promise<string | undefined>((resolve) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const started = [...text.matchAll(/^> (.+?) \d+\.\d s/gm)].map((match) => match[1] ?? '')
      const fresh = started.find((task) => !task.includes(' / ') && !interrupted.has(task))
      if (fresh !== undefined) resolve(fresh)
    })
    child.on('close', () => resolve(undefined))
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const task = await Promise.race([
    seen,
    eventually(patienceSeconds, async () => (await ended) as unknown as undefined),
  ])
  if (task !== undefined) {
    process.kill(child.pid ?? 0, 'SIGKILL')
    await ended
    return task
  }
  expect([await ended, said]).toEqual([0, expect.anything()])
  return undefined
}
