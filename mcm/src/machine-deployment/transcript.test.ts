import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeploymentSpec, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import type { Clock } from '@trellis/foundation/clock'
import { createSeededRandom, type Random } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import type { Client } from '@trellis/kubernetes/client'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { classFor, createRig, deploymentOf, plant } from '../../testing/rig.ts'
import { createFaults, noFaults } from '../../testing/simulation/faults.ts'
import { createLife } from '../../testing/simulation/life.ts'
import { createUnreliableClient } from '../../testing/simulation/unreliable-client.ts'

const namespace = 'shoot--local--first'

interface Play {
  readonly replicas: number
  readonly strategy: NonNullable<MachineDeploymentSpec['strategy']>
  readonly seed: string
  /** Lets requests take their time, watches lag, and what falls due at one instant come in any order. */
  readonly shuffled?: boolean
}

/** Rolls a deployment from one class to another in virtual time and writes down every change of wanted numbers and servers. */
async function play({ replicas, strategy, seed, shuffled = false }: Play): Promise<readonly string[]> {
  const random = createSeededRandom(seed)
  const clock = createVirtualClock(epoch, shuffled ? random.child('order') : undefined)
  const client = createFakeClient({ clock, random: random.child('server') })
  await using rig = createRig({
    clock,
    random,
    control: shuffled ? slowed(client, clock, random.child('delays')) : client,
    target: client,
    namespace,
    cloud: { createMilliseconds: 10_000, deleteMilliseconds: 5000 },
    joinMilliseconds: 20_000,
  })
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas, { strategy }))
  await client.create(machineClasses, classFor(namespace, 'large', 'large'))
  rig.start()
  await clock.advance(120_000)
  const change = { spec: { template: { spec: { class: { name: 'large' } } } } }
  await client.patch(machineDeployments, { namespace, name: 'pool' }, change, { type: 'merge' })
  const lines: string[] = []
  const began = clock.now()
  for (let line = ''; clock.now() - began < 900_000; await clock.advance(1000)) {
    const now = await describeNow()
    if (now !== line) lines.push(`${String((clock.now() - began) / 1000).padStart(4)} s  ${now}`)
    line = now
  }
  return lines

  async function describeNow(): Promise<string> {
    const sets = (await client.list(machineSets, { namespace })).items
    const servers = rig.cloud.servers()
    const ready = new Set(
      (await client.list(machines, { namespace })).items
        .filter(({ status }) => status?.currentStatus?.phase === 'Running')
        .map(({ metadata }) => metadata.name),
    )
    const { status } = await client.get(machineDeployments, { namespace, name: 'pool' })
    const parts = ['small', 'large'].map((type) => {
      const set = sets.find(({ spec }) => spec?.template?.spec?.class?.name === type)
      const own = servers.filter(({ machineType }) => machineType === type)
      const running = own.filter(({ machineName }) => ready.has(machineName)).length
      return `${type}: wanted ${set?.spec?.replicas ?? '-'}, servers ${own.length}, running ${running}`
    })
    const progress = status?.conditions?.find(({ type }) => type === 'Progressing')?.reason
    return `${parts.join(' | ')} | available ${status?.availableReplicas}, ${progress}`
  }
}

/** A client through which everything arrives, but not in the order in which it happened. */
function slowed(client: Client, clock: Clock, random: Random): Client {
  const rates = { ...noFaults, latencyMilliseconds: 500, watchLag: 0.3, watchLagMilliseconds: 800, watchBreak: 0.01 }
  const faults = createFaults(random, rates, { now: clock.now, note: () => {} })
  const common = { life: createLife(clock), mayHaunt: () => false, note: () => {} }
  return createUnreliableClient({ ...common, client, clock, faults, cluster: 'control' })
}

describe('transcripts of rollouts', () => {
  const plays = [
    { name: 'surge', strategy: { type: 'RollingUpdate' as const, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } },
    {
      name: 'unavailable',
      strategy: { type: 'RollingUpdate' as const, rollingUpdate: { maxSurge: 0, maxUnavailable: 2 } },
    },
    { name: 'recreate', strategy: { type: 'Recreate' as const } },
  ]

  it.each(plays)('$name', async ({ name, strategy }) => {
    const lines = await play({ replicas: 3, strategy, seed: 'golden' })
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`transcripts/${name}.txt`)
  })

  it.each(plays)('$name keeps its bounds whatever the order of things', { timeout: 60_000 }, async ({ strategy }) => {
    for (const seed of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      const lines = await play({ replicas: 4, strategy, seed, shuffled: true })
      const servers = lines.map((line) =>
        [...line.matchAll(/servers (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0),
      )
      const running = lines.map((line) =>
        [...line.matchAll(/running (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0),
      )
      expect(Math.max(...servers)).toBeLessThanOrEqual(4 + (strategy.rollingUpdate?.maxSurge ?? 0))
      if (strategy.type === 'RollingUpdate')
        expect(Math.min(...running)).toBeGreaterThanOrEqual(4 - strategy.rollingUpdate.maxUnavailable)
      expect(lines.at(-1)).toContain('large: wanted 4, servers 4, running 4 | available 4, NewMachineSetAvailable')
    }
  })
})
