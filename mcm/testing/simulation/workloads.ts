import { type Node, nodes } from '@trellis/api/core/node'
import { type Pod, pods } from '@trellis/api/core/pod'
import { podDisruptionBudgets } from '@trellis/api/core/workload'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { createDisks, type Disks, volumeOfPod } from './disks.ts'

/** Some equal pods that are to run wherever there is room. */
export interface App {
  readonly name: string
  replicas: number
  /** How many of them must be healthy at any time, if any must. */
  readonly minAvailable?: number
  readonly graceSeconds: number
  /** How long they take to stop. */
  readonly stopMilliseconds: number
  /** Whether each of them has a volume of its own, which follows it from node to node. */
  readonly hasVolumes?: boolean
}

/** Plays what fills a cluster: a scheduler, owners of pods, kubelets, and the collector of pods without a node. */
export interface Workloads {
  readonly apps: readonly App[]
  /** Makes an app, its budget and its volumes. */
  add(app: App): Promise<void>
  readonly disks: Disks
}

/** What the play needs. `kubeletLives` tells whether the server behind a node can still stop pods. */
export interface WorkloadsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly client: FakeClient
  readonly kubeletLives: (nodeName: string) => boolean
}

const namespace = 'default'
const roundMilliseconds = 5000

/** Begins the play: one round every few seconds. */
export function startWorkloads(options: WorkloadsOptions): Workloads {
  const { clock, client } = options
  const apps: App[] = []
  const stopping = new Set<string>()
  const disks = createDisks(options)
  const round = async () => {
    clock.setTimer(roundMilliseconds, () => void round(), { unref: true })
    if (apps.length === 0) return
    const present = client.peek(pods)
    for (const pod of present) await tend(options, pod, { stopping, apps })
    for (const app of apps) await fill(options, app)
    if (apps.some(({ hasVolumes }) => hasVolumes === true)) await disks.tend()
  }
  clock.setTimer(roundMilliseconds, () => void round(), { unref: true })
  return {
    apps,
    disks,
    add: async (app) => {
      apps.push(app)
      if (app.minAvailable === undefined) return
      await client.create(podDisruptionBudgets, {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: app.name, namespace },
        spec: { minAvailable: app.minAvailable, selector: { matchLabels: { app: app.name } } },
      })
    },
  }
}

interface Tending {
  readonly stopping: Set<string>
  readonly apps: readonly App[]
}

/** Pods of nodes that are no more vanish; pods that were asked to go end in their own time, where somebody is there to end them. */
async function tend({ client, clock, kubeletLives }: WorkloadsOptions, pod: Pod, { stopping, apps }: Tending) {
  const nodeName = pod.spec?.nodeName ?? ''
  const { uid = '' } = pod.metadata
  const end = () => client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, uid }).catch(() => {})
  if (!client.peek(nodes).some(({ metadata }) => metadata.name === nodeName)) return end()
  if (pod.metadata.deletionTimestamp === undefined || stopping.has(uid) || !kubeletLives(nodeName)) return
  stopping.add(uid)
  const app = apps.find(({ name }) => name === pod.metadata.labels?.app)
  clock.setTimer(app?.stopMilliseconds ?? 0, () => {
    stopping.delete(uid)
    if (kubeletLives(nodeName)) void end()
  })
}

async function fill({ client, random }: WorkloadsOptions, app: App): Promise<void> {
  const staying = client
    .peek(pods)
    .filter(({ metadata }) => metadata.labels?.app === app.name && metadata.deletionTimestamp === undefined)
  const open = client.peek(nodes).filter(takesPods)
  for (const pod of byOrdinal(staying).slice(app.replicas)) await client.delete(pods, keyOf(pod))
  if (open.length === 0) return
  const present = new Set(client.peek(pods).map(({ metadata }) => metadata.name))
  const ordinals = Array.from({ length: app.replicas }, (_, ordinal) => `${app.name}-${ordinal}`)
  const names =
    app.hasVolumes === true
      ? // One that is still going has its name, and its volume, for itself.
        ordinals.filter((name) => !present.has(name))
      : Array.from({ length: Math.max(0, app.replicas - staying.length) }, () => `${app.name}-${random.text(5)}`)
  for (const name of names) {
    const node = open[random.integer(open.length)]
    await client.create(pods, podOf(app, name, node?.metadata.name ?? ''))
  }
}

function takesPods({ metadata, spec, status }: Node): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
  const closed = (spec?.taints ?? []).some(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute')
  return ready && !closed && spec?.unschedulable !== true && metadata.deletionTimestamp === undefined
}

function podOf(app: App, name: string, nodeName: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { app: app.name },
      ...(app.hasVolumes === true ? { ownerReferences: [statefulSetOf(app)] } : {}),
    },
    spec: {
      nodeName,
      ...(app.hasVolumes === true ? { volumes: [volumeOfPod(name)] } : {}),
      terminationGracePeriodSeconds: app.graceSeconds,
      containers: [{ name: 'main', image: 'none' }],
    },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  }
}

/** Those of an app with volumes go from the last to the first; the names of the others say nothing. */
function byOrdinal(staying: readonly Pod[]): readonly Pod[] {
  return [...staying].sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1))
}

function statefulSetOf({ name }: App) {
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', name, uid: `uid-of-${name}`, controller: true }
}
