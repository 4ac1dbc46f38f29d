import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched } from '../../testing/objects.ts'
import { createPacer, joinDurationOf } from './join-duration.ts'

const key = 'node.machine.sapcloud.io/machine-join-duration'

describe('joinDurationOf', () => {
  const history = [
    { phase: 'CrashLoopBackOff', time: at(5) },
    { phase: 'Pending', time: at(60) },
    { phase: 'Running', time: at(150) },
    { phase: 'Unknown', time: at(300) },
    { phase: 'Running', time: at(400) },
  ]
  const machine = (phase: 'Running' | 'Unknown', annotations: Record<string, string>, story: typeof history) =>
    launched(phase, {
      metadata: { annotations, labels: { node: 'machine-a' } },
      status: { currentStatus: { phase }, history: story },
    })

  it.each([
    { reason: 'the first time that it ran counts', one: machine('Running', {}, history), duration: '2m30s' },
    { reason: 'it says so already', one: machine('Running', { [key]: '1s' }, history), duration: undefined },
    { reason: 'it is ill just now', one: machine('Unknown', {}, history), duration: undefined },
    { reason: 'nobody knows', one: machine('Running', {}, []), duration: undefined },
  ])('$reason', ({ one, duration }) => {
    expect(joinDurationOf(one)).toBe(duration)
  })
})

describe('createPacer', () => {
  it('lets some pass at once and the others far apart, and some again after a while', async () => {
    const clock = createVirtualClock(epoch)
    const pacer = createPacer(clock, { burst: 2, everyMilliseconds: 1000 })
    const next = () => pacer.next() - epoch
    expect([next(), next(), next(), next()]).toEqual([0, 0, 1000, 2000])
    await clock.advance(60_000)
    expect([next(), next(), next()]).toEqual([60_000, 60_000, 61_000])
  })
})
