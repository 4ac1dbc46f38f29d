import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { parseIpAddress } from 'node-wireguard/address'
import { eventually } from 'node-wireguard/testing/eventually'
import { describe, expect, it } from 'vitest'
import { sourceKeyOf } from '../udp/source.ts'
import { openKernelFlows } from './kernel-flows.ts'
import type { KernelMaps } from './kernel-maps.ts'
import { emptyState, type KernelState, planFlows } from './plan.ts'

const source = (port: number) => ({ address: parseIpAddress('192.0.2.1'), port })
const target = { address: parseIpAddress('10.0.0.1'), port: 51_820 }
const six = { address: parseIpAddress('fd00::1'), port: 51_820 }

/** Maps that note what they are told and refuse it while `refusing`. */
function createNotingMaps(state: KernelState | undefined) {
  const told: string[] = []
  const control = { refusing: false }
  const tell = (what: string) => {
    if (control.refusing) throw new Failure('Unavailable', 'refused')
    told.push(what)
  }
  const maps: KernelMaps = {
    load: async (now) => tell(`load ${now.flows.size}`),
    change: async (text) =>
      tell(
        text
          .split('\n')
          .filter((line) => line.includes('flows4'))
          .join(),
      ),
    readState: async () => {
      if (state === undefined) throw new Failure('Unavailable', 'there is no table')
      return state
    },
    readTraffic: async () => {
      if (control.refusing) throw new Failure('Unavailable', 'refused')
      return { flows: new Map(), flooding: 0 }
    },
  }
  return { maps, told, control }
}

async function open(state?: KernelState) {
  const clock = createVirtualClock()
  const noting = createNotingMaps(state)
  const random = createSeededRandom('kernel')
  const flows = await openKernelFlows({ clock, random, log: createSilentLog(), maps: noting.maps, families: [4] })
  return { clock, flows, ...noting }
}

describe('flows of the kernel', () => {
  it('begin with those of a former run', async () => {
    const wanted = new Map([[sourceKeyOf(source(1)), { source: source(1), target }]])
    const { flows, told } = await open(planFlows(emptyState, wanted, 0).state)
    expect(told).toEqual(['load 1'])
    expect(flows.found).toEqual([{ source: source(1), target }])
    expect(flows.holds(sourceKeyOf(source(1)))).toBe(true)
  })

  it('are held once the kernel has taken them; what comes meanwhile goes together', async () => {
    const { flows, told } = await open()
    for (const port of [1, 2, 3]) flows.set(source(port), target)
    expect(flows.size()).toBe(0)
    await eventually('all', () => (flows.size() === 3 ? true : undefined))
    expect(told).toHaveLength(3)
    flows.remove(source(2))
    await eventually('two', () => (flows.size() === 2 ? true : undefined))
    expect(told.at(-1)).toContain('delete element')
  })

  it('are put there anew after a refusal', async () => {
    const { clock, control, flows, told } = await open()
    control.refusing = true
    flows.set(source(1), target)
    await eventually('the refusal', () => flows.problem())
    control.refusing = false
    await clock.advance(1000)
    await eventually('the flow', () => (flows.size() === 1 ? true : undefined))
    expect(told).toEqual(['load 0', 'load 1'])
    expect(flows.problem()).toBeUndefined()
  })

  it('are put there anew when they cannot be read', async () => {
    const { clock, control, flows, told } = await open()
    control.refusing = true
    await expect(flows.read()).rejects.toMatchObject({ kind: 'Unavailable' })
    control.refusing = false
    await clock.advance(1000)
    await eventually('the rules', () => (told.length === 2 ? true : undefined))
    expect(told).toEqual(['load 0', 'load 0'])
  })

  it('are of one family, and of one that the host forwards', async () => {
    const { flows } = await open()
    expect(flows.canCarry(source(1), target)).toBe(true)
    expect(flows.canCarry(source(1), six)).toBe(false)
    expect(flows.canCarry(six, six)).toBe(false)
  })
})
