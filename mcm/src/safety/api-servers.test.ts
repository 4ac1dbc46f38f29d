import { machines } from '@trellis/api/machine/machine'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { createRig, deploymentOf, plant, scale } from '../../testing/rig.ts'
import { phaseOf } from '../machine/phase.ts'
import { tellingClient } from './answers.ts'
import { createApiServerGuard } from './api-servers.ts'

const second = 1000
const minute = 60 * second
const settings = { timeoutMilliseconds: 30 * second, periodMilliseconds: minute }

function guardOver(ask: () => Promise<unknown>) {
  const clock = createVirtualClock(epoch)
  const guard = createApiServerGuard({ clock, log: createSilentLog() }, settings)
  const tell = guard.listenerFor('target cluster')
  const stop = new AbortController()
  let asked = 0
  const begin = () =>
    guard.expect(
      'target cluster',
      () => {
        asked++
        return ask()
      },
      stop.signal,
    )
  return { clock, guard, tell, begin, stop, asked: () => asked }
}

describe('the guard over API servers', () => {
  it('freezes at once where nobody answered for long before that was expected', async () => {
    const { clock, guard, tell, begin } = guardOver(() => Promise.reject(new Failure('Unavailable', 'nobody')))
    tell(false)
    await clock.advance(31 * second)
    tell(false)
    expect(guard.frozen()).toBeUndefined()
    begin()
    expect(guard.frozen()).toContain('target cluster')
    tell(true)
    expect(guard.frozen()).toBeUndefined()
  })

  it('asks nothing while something is heard', async () => {
    const { clock, guard, tell, begin, asked } = guardOver(async () => {})
    begin()
    for (let passed = 0; passed < 100; passed++) {
      await clock.advance(70 * second)
      tell(true)
    }
    expect([asked(), guard.frozen()]).toEqual([0, undefined])
  })

  it('asks seldom when nothing is heard, and takes the answer for one', async () => {
    const { clock, guard, tell, begin, asked } = guardOver(async () => tell(true))
    begin()
    await clock.advance(10 * minute)
    expect(asked()).toBe(8)
    expect(guard.frozen()).toBeUndefined()
  })

  it('freezes after the timeout, asks on, and recovers with the first answer', async () => {
    const { clock, guard, tell, begin, asked } = guardOver(async () => tell(false))
    let recoveries = 0
    guard.onRecovery(() => recoveries++)
    begin()
    tell(false)
    await clock.advance(30 * second)
    expect(guard.frozen()).toBeUndefined()
    await clock.advance(7 * second)
    expect(guard.frozen()).toBe('the API server of the target cluster does not answer')
    const before = asked()
    await clock.advance(minute)
    expect(asked() - before).toBe(10)
    tell(true)
    expect([guard.frozen(), recoveries, guard.recoveredAt()]).toEqual([undefined, 1, clock.now()])
  })

  it('takes a question that is never answered for silence', async () => {
    const { clock, guard, begin, asked } = guardOver(() => new Promise(() => {}))
    begin()
    await clock.advance(3 * minute)
    expect(guard.frozen()).toBeDefined()
    expect(asked()).toBe(1)
  })

  it('says nothing of a server that is not expected to answer yet, and stops with its signal', async () => {
    const { clock, guard, tell, begin, stop } = guardOver(async () => {})
    tell(false)
    await clock.advance(10 * minute)
    expect(guard.frozen()).toBeUndefined()
    begin()
    stop.abort()
    expect(clock.pending()).toEqual([])
  })
})

describe('a telling client', () => {
  const key = { namespace: 'ns', name: 'a' }
  it.each([
    { reason: 'an object that is not there', failure: undefined, told: true },
    { reason: 'a refusal', failure: new Failure('Unauthorized', 'no'), told: true },
    { reason: 'a broken connection', failure: new Failure('Unavailable', 'reset'), told: false },
  ])('tells of $reason', async ({ failure, told }) => {
    const clock = createVirtualClock(epoch)
    const client = createFakeClient({ clock, random: createSeededRandom('answers') })
    const heard: boolean[] = []
    const telling = tellingClient(client, (answered) => heard.push(answered))
    if (failure !== undefined) client.onCall(() => Promise.reject(failure))
    await telling.get(machines, key).catch(() => {})
    expect(heard).toEqual([told])
  })
})

async function setUp(replicas: number) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('api-servers')
  const control = createFakeClient({ clock, random: random.child('control') })
  const target = createFakeClient({ clock, random: random.child('target') })
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500 }
  const rig = createRig({ clock, random, control, target, namespace: 'ns', cloud, joinMilliseconds: 2000 })
  await plant(control, 'ns', deploymentOf('ns', 'pool', replicas))
  rig.start()
  await clock.advance(20 * second)
  const fall = () => {
    const rise = target.onCall(() => Promise.reject(new Failure('Unavailable', 'no route to host')))
    target.disconnect()
    return rise
  }
  const frozen = async () => /^mcm_machine_controller_frozen (\d)$/m.exec(await rig.registry.metrics())?.[1]
  return { clock, control, rig, fall, frozen }
}

describe('while the API server of the target is down', () => {
  it('machines are neither made nor judged, those that are to go still go, and clocks begin anew', async () => {
    const { clock, control, rig, fall, frozen } = await setUp(3)
    const [sick, leaving] = (await rig.nodes()).map(({ metadata }) => metadata.name)
    await rig.nodeMaker.setReady(sick ?? '', false)
    await clock.advance(9 * minute)
    const phaseOfSick = async () =>
      phaseOf((await rig.machines()).find(({ metadata }) => metadata.name === sick) ?? ({} as never))
    expect([await phaseOfSick(), await frozen()]).toEqual(['Unknown', '0'])
    const rise = fall()
    await clock.advance(2 * minute)
    expect([await phaseOfSick(), await frozen()]).toEqual(['Unknown', '1'])
    await scale(control, 'ns', 'pool', 5)
    await clock.advance(minute)
    expect(rig.cloud.servers()).toHaveLength(3)
    await control.patch(
      machines,
      { namespace: 'ns', name: leaving ?? '' },
      { metadata: { labels: { 'force-deletion': 'True' } } },
      { type: 'merge' },
    )
    await control.delete(machines, { namespace: 'ns', name: leaving ?? '' })
    await clock.advance(5 * minute)
    expect((await rig.machines()).some(({ metadata }) => metadata.name === leaving)).toBe(false)
    rise()
    await clock.advance(15 * second)
    expect([await phaseOfSick(), await frozen()]).toEqual(['Running', '0'])
    await clock.advance(9 * minute)
    expect(await phaseOfSick()).toBe('Unknown')
    expect(rig.cloud.servers()).toHaveLength(5)
    await clock.advance(5 * minute)
    expect((await rig.machines()).some(({ metadata }) => metadata.name === sick)).toBe(false)
    await rig[Symbol.asyncDispose]()
  })
})
