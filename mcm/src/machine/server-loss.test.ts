import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { startSmallPool } from '../../testing/small-pool.ts'
import { phaseOf } from './phase.ts'
import { nextServerLook } from './server-loss.ts'

const second = 1000
const minute = 60 * second

describe('nextServerLook', () => {
  it.each([
    { reason: 'first soon', looks: undefined, at: 10 },
    { reason: 'not by looks of an earlier illness', looks: { lookedAt: epoch - 1, bad: 1 }, at: 10 },
    { reason: 'soon again in doubt', looks: { lookedAt: epoch + 10_000, bad: 1 }, at: 30 },
    { reason: 'a minute later when the server runs', looks: { lookedAt: epoch + 10_000, bad: 0 }, at: 70 },
    { reason: 'ever more seldom', looks: { lookedAt: epoch + 400_000, bad: 0 }, at: 600 },
    { reason: 'at least every five minutes', looks: { lookedAt: epoch + 4_000_000, bad: 0 }, at: 4300 },
  ])('$reason', ({ looks, at }) => {
    expect(nextServerLook(epoch, looks)).toBe(epoch + at * second)
  })
})

describe('a machine whose server was taken away', () => {
  async function setUp() {
    const { clock, rig } = await startSmallPool('server-loss')
    return { clock, rig, name: (await rig.nodes())[0]?.metadata.name ?? '' }
  }

  it('is replaced long before the health timeout', async () => {
    const { clock, rig, name } = await setUp()
    await rig.nodeMaker.setReady(name, false)
    for (let times = 0; times < 2; times++) rig.cloud.script({ operation: 'status', machine: name, kind: 'NotFound' })
    await clock.advance(minute)
    const found = await rig.machines()
    expect(found.some(({ metadata }) => metadata.name === name)).toBe(false)
    expect(found.map(phaseOf)).toEqual(['Running', 'Running'])
    await rig[Symbol.asyncDispose]()
  })

  it('is kept when the cloud was mistaken once', async () => {
    const { clock, rig, name } = await setUp()
    await rig.nodeMaker.setReady(name, false)
    rig.cloud.script({ operation: 'status', machine: name, kind: 'NotFound' })
    await clock.advance(5 * minute)
    await rig.nodeMaker.setReady(name, true)
    await clock.advance(second)
    expect((await rig.machines()).map(phaseOf)).toEqual(['Running', 'Running'])
    expect((await rig.machines()).some(({ metadata }) => metadata.name === name)).toBe(true)
    await rig[Symbol.asyncDispose]()
  })
})
