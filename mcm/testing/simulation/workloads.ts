import { type Node, nodes } from '@trellis/api/core/node'
import { type Pod, pods } from '@trellis/api/core/pod'
import { podDisruptionBudgets } from '@trellis/api/core/workload'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { FakeClient } from '@trellis/kubernetes/testing/fake-client'

/** Some equal pods that are to run wherever there is room. */
export interface App {
  readonly name: string
  replicas: number
  /** How many of them must be healthy at any time, if any must. */
  readonly minAvailable?: number
  readonly graceSeconds: number
  /** How long they take to stop. */
  readonly stopMilliseconds: number
}

/** Plays what fills a cluster: a scheduler, owners of pods, kubelets, and the collector of pods without a node. */
export interface Workloads {
  readonly apps: readonly App[]
  /** Makes an app and its budget. */
  add(app: App): Promise<void>
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
  const round = async () => {
    clock.setTimer(roundMilliseconds, () => void round(), { unref: true })
    if (apps.length === 0) return
    const present = client.peek(pods)
    for (const pod of present) await tend(options, pod, { stopping, apps })
    for (const app of apps) await fill(options, app)
  }
  clock.setTimer(roundMilliseconds, () => void round(), { unref: true })
  return {
    apps,
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
  for (const pod of staying.slice(app.replicas)) await client.delete(pods, keyOf(pod))
  if (open.length === 0) return
  for (let missing = app.replicas - staying.length; missing > 0; missing--) {
    const node = open[random.integer(open.length)]
    await client.create(pods, podOf(app, `${app.name}-${random.text(5)}`, node?.metadata.name ?? ''))
  }
}

function takesPods({ metadata, spec, status }: Node): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
  return ready && spec?.unschedulable !== true && metadata.deletionTimestamp === undefined
}

function podOf(app: App, name: string, nodeName: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: app.name } },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: app.graceSeconds,
      containers: [{ name: 'main', image: 'none' }],
    },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  }
}
