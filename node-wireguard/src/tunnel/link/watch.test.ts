import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { beforeEach, describe, expect, it } from 'vitest'
import { createMemoryDevice } from '../../../testing/memory-device.ts'
import { parseCidr } from '../../address.ts'
import { generatePrivateKey, publicKeyOf } from '../../key.ts'
import { type PathEvent, type PathState, pathAfter, pauseAfterQuestion, unknownPath } from '../../path/state.ts'
import { createLinkWatch } from './watch.ts'

const random = createSeededRandom('watch')
const privateKey = generatePrivateKey(random)
const peerKey = publicKeyOf(generatePrivateKey(random))

describe('a link that is watched', () => {
  const clock = createVirtualClock()
  const device = createMemoryDevice()
  let repairs: number[]
  let turns: number
  let received: number
  let path: PathState
  let sequence: number
  let dials: boolean
  let watch: ReturnType<typeof createLinkWatch>

  beforeEach(async () => {
    ;[repairs, turns, received, path, sequence, dials] = [[], 0, 0, unknownPath, 0, true]
    await device.apply({ privateKey, peers: [{ publicKey: peerKey, allowedAddresses: [parseCidr('10.0.0.0/8')] }] })
    watch = createLinkWatch({
      ...{ clock, device, log: createSilentLog() },
      peerKey: () => peerKey,
      probeIntervalMilliseconds: 500,
      dials: () => dials,
      repair: (timesInRow) => repairs.push(timesInRow),
      onTurn: () => turns++,
    })
  })

  function happen(event: PathEvent): void {
    path = pathAfter(path, event, 500)
    watch.onPath(path)
  }

  /** An interval of 500 ms: a question that is answered at once, or several that are not while these bytes come in. */
  async function ask(answered: boolean, bytes = 0): Promise<void> {
    const end = clock.now() + 500
    received += bytes
    while (clock.now() < end) {
      happen({ kind: 'asked', sequence: ++sequence, now: clock.now() })
      device.hear(peerKey, { receivedBytes: received })
      if (answered) happen({ kind: 'answered', sequence, now: clock.now(), roundTripMilliseconds: 1 })
      await clock.advance(answered ? 500 : pauseAfterQuestion(path, 500))
    }
  }

  it('says when it turns up, has proved itself and turns down, and not in between', async () => {
    for (let count = 0; count < 10; count++) await ask(true)
    expect(turns).toBe(2)
    for (let count = 0; count < 6; count++) await ask(false)
    // It ceases to be steady with the first miss, and is down after two intervals.
    expect(turns).toBe(4)
    expect(watch.outages()).toBe(1)
  })

  it('is repaired about once a second while it is down, by the end that dials', async () => {
    await ask(true)
    for (let count = 0; count < 8; count++) await ask(false)
    expect(repairs).toEqual([1, 2, 3])
    dials = false
    for (let count = 0; count < 8; count++) await ask(false)
    expect(repairs).toHaveLength(3)
  })

  it('is given time to answer again while the session brings something in, but not for long', async () => {
    await ask(true)
    for (let count = 0; count < 9; count++) await ask(false, 96)
    expect(repairs).toEqual([])
    for (let count = 0; count < 6; count++) await ask(false, 96)
    expect(repairs.length).toBeGreaterThan(0)
  })

  it('is repaired at once when it has never answered, whatever comes in', async () => {
    for (let count = 0; count < 6; count++) await ask(false, 92)
    expect(repairs.length).toBeGreaterThan(1)
  })
})
