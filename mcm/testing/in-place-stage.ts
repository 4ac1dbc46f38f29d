import { nodes } from '@trellis/api/core/node'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeploymentStrategy, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { nodeUpdateOf } from '../src/machine/in-place-node.ts'
import type { MachineSettings } from '../src/machine/settings.ts'
import { epoch } from './objects.ts'
import { classFor, createRig, deploymentOf, plant, type RigOptions } from './rig.ts'
import { startUpdateAgent, type UpdateEnd } from './update-agent.ts'

/** Namespace of the machines. */
export const namespace = 'shoot--local--first'

/** An update in place that is played. */
export interface Play {
  readonly replicas: number
  readonly strategy: MachineDeploymentStrategy
  readonly seed: string
  readonly endOf?: (nodeName: string) => UpdateEnd
  /** What happens meanwhile, by second. */
  readonly meanwhile?: (stage: Stage, second: number) => Promise<void>
  readonly seconds?: number
  readonly settings?: Partial<MachineSettings>
  readonly processes?: RigOptions['processes']
}

/** Where it is played. */
export type Stage = Awaited<ReturnType<typeof startStage>>

/** A pool of machines that run, an agent that updates nodes, and a new class to update to. */
async function startStage({ replicas, strategy, seed, endOf, settings = {}, processes = [{}] }: Play) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom(seed)
  const client = createFakeClient({ clock, random: random.child('server') })
  const stack = new AsyncDisposableStack()
  const rig = stack.use(
    createRig({
      clock,
      random,
      control: client,
      namespace,
      cloud: { createMilliseconds: 10_000, deleteMilliseconds: 5000 },
      joinMilliseconds: 20_000,
      settings,
      processes,
    }),
  )
  const agent = stack.use(
    startUpdateAgent({
      clock,
      random: random.child('agent'),
      client,
      updateMilliseconds: 30_000,
      componentsMilliseconds: 5000,
      ...(endOf === undefined ? {} : { endOf }),
    }),
  )
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas, { strategy }))
  await client.create(machineClasses, classFor(namespace, 'large', 'large'))
  rig.start()
  await clock.advance(120_000)
  const change = (spec: object) =>
    client.patch(machineDeployments, { namespace, name: 'pool' }, { spec }, { type: 'merge' })
  const changeClass = (name: string) => change({ template: { spec: { class: { name } } } })
  const choose = (name: string) =>
    client.patch(nodes, { name }, { metadata: { labels: { 'node.machine.sapcloud.io/selected-for-update': 'true' } } })
  return { clock, client, rig, agent, change, changeClass, choose, stack }
}

/** What an onlooker sees at one moment. */
export interface Moment {
  readonly line: string
  /** Machines that work and take pods. */
  readonly available: number
  /** Nodes that were chosen and are not back. */
  readonly updating: number
  readonly servers: number
}

/** Changes the class of a pool and writes down every change of its sets, machines and nodes in virtual time. */
export async function play(piece: Play): Promise<{ readonly moments: readonly Moment[]; readonly stage: Stage }> {
  const stage = await startStage(piece)
  const { clock, client, rig } = stage
  await using _ = stage.stack
  const moments: Moment[] = []
  const began = clock.now()
  await stage.changeClass('large')
  for (let second = 0; second < (piece.seconds ?? 900); second++) {
    await piece.meanwhile?.(stage, second)
    const { text, ...counts } = await describeNow()
    if (text !== moments.at(-1)?.line.slice(8)) {
      moments.push({ ...counts, line: `${String((clock.now() - began) / 1000).padStart(4)} s  ${text}` })
    }
    await clock.advance(1000)
  }
  return { moments, stage }

  async function describeNow() {
    const sets = (await client.list(machineSets, { namespace })).items
    const all = (await client.list(machines, { namespace })).items
    const known = new Map((await rig.nodes()).map((node) => [node.metadata.name, node]))
    const parts = ['small', 'large'].map((type) => {
      const set = sets.find(({ spec }) => spec?.template?.spec?.class?.name === type)
      const own = all.filter(({ metadata }) => metadata.ownerReferences?.[0]?.uid === set?.metadata.uid)
      const phases = own.map(({ metadata, status }) => {
        const phase = status?.currentStatus?.phase ?? ''
        const node = known.get(metadata.name)
        const reason = node === undefined ? undefined : nodeUpdateOf(node).reason
        const cordoned = node?.spec?.unschedulable ? ' cordoned' : ''
        return `${phase}${reason === undefined ? '' : ` ${reason}`}${cordoned}`
      })
      const counted = Object.entries(Object.groupBy(phases, (phase) => phase)).sort()
      const shown = counted.map(([phase, group]) => `${group?.length} ${phase}`).join(', ')
      return `${type}: wanted ${set?.spec?.replicas ?? '-'}, ${shown || 'none'}`
    })
    const usable = all.filter(({ metadata, status }) => {
      const node = known.get(metadata.name)
      const running = status?.currentStatus?.phase === 'Running' && metadata.deletionTimestamp === undefined
      return running && node !== undefined && node.spec?.unschedulable !== true
    })
    const { status } = await rig.deployment('pool')
    const progress = status?.conditions?.find(({ type }) => type === 'Progressing')?.reason
    return {
      text: `${parts.join(' | ')} | available ${status?.availableReplicas}, ${progress}`,
      available: usable.length,
      updating: [...known.values()].filter((node) => nodeUpdateOf(node).selected).length,
      servers: rig.cloud.servers().length,
    }
  }
}

/** The strategy that chooses machines by itself. */
export const auto = (maxSurge: number, maxUnavailable: number): MachineDeploymentStrategy => ({
  type: 'InPlaceUpdate',
  inPlaceUpdate: { maxSurge, maxUnavailable, orchestrationType: 'Auto' },
})

/** The strategy that leaves the choice to people. */
export const manual: MachineDeploymentStrategy = {
  type: 'InPlaceUpdate',
  inPlaceUpdate: { maxSurge: 1, maxUnavailable: 1, orchestrationType: 'Manual' },
}
