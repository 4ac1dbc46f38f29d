import { type Node, nodes } from '@trellis/api/core/node'
import type { Clock } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { pauseMilliseconds } from '@trellis/foundation/retry'
import type { Client } from '@trellis/kubernetes/client'
import type { SimulatedCloud, SimulatedServer } from './cloud.ts'
import { providerIdOf } from './driver.ts'
import { renewLease } from './leases.ts'
import { startNodeLoss } from './node-loss.ts'

/** What making Nodes needs. */
export interface NodeMakerContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly cloud: SimulatedCloud
  readonly client: Client
  /** Time from a running server to its Node. */
  readonly joinMilliseconds: number
  /** How often each Node renews its Lease; never when undefined. */
  readonly leaseMilliseconds?: number | undefined
  /** How long after the end of its server a Node is called NotReady; never when undefined. */
  readonly nodeLossMilliseconds?: number | undefined
}

/** Plays the kubelets of a simulated cloud. */
export interface NodeMaker {
  /** Sets the Ready condition of a Node, as its kubelet would. */
  setReady(nodeName: string, ready: boolean): Promise<void>
}

/**
 * Makes a Ready Node for every server some time after it runs, trying until the API server answers, until the signal aborts. Where it is told to, Nodes renew their Leases, and are
 * NotReady when their servers are gone: without a real controller of nodes' lives nothing misses the one or does the other.
 */
export function startNodeMaker(context: NodeMakerContext, signal: AbortSignal): NodeMaker {
  const { clock, random, cloud, client, log } = context
  const { leaseMilliseconds, nodeLossMilliseconds } = context
  if (nodeLossMilliseconds !== undefined) startNodeLoss({ ...context, nodeLossMilliseconds }, signal)
  const live = async (server: SimulatedServer) => {
    if (!cloud.willJoin(server.machineName)) return
    await clock.sleep(cloud.span(context.joinMilliseconds), signal)
    await join(server)
    if (leaseMilliseconds === undefined) return
    const lives = () => server.state === 'running'
    const wish = { nodeName: server.machineName, periodMilliseconds: leaseMilliseconds, lives }
    await renewLease(context, wish, signal)
  }
  const join = async (server: SimulatedServer) => {
    for (let tries = 1; server.state === 'running'; tries++) {
      try {
        await client.create(nodes, nodeOf(server, clock.now()))
        return
      } catch (error) {
        if (isFailure(error, 'Conflict') && (await exists(server.machineName))) return
        log.debug({ machine: server.machineName, error: describe(error) }, 'a node could not be made')
        const backoff = { firstMilliseconds: 200, longestMilliseconds: 5000 }
        await clock.sleep(pauseMilliseconds(backoff, tries, random), signal)
      }
    }
  }
  const exists = (name: string) =>
    client.find(nodes, { name }).then(
      (node) => node !== undefined,
      () => false,
    )
  const stop = cloud.onChange((server, change) => {
    if (change === 'running' && !signal.aborted) live(server).catch(() => {})
  })
  signal.addEventListener('abort', stop, { once: true })
  return {
    setReady: async (nodeName, ready) => {
      const node = await client.get(nodes, { name: nodeName })
      const others = (node.status?.conditions ?? []).filter(({ type }) => type !== 'Ready')
      const conditions = [...others, readyCondition(ready, clock.now())]
      await client.patch(
        nodes,
        { name: nodeName },
        { status: { conditions } },
        { type: 'merge', subresource: 'status' },
      )
    },
  }
}

function readyCondition(ready: boolean, now: number) {
  const at = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
  return {
    type: 'Ready',
    status: ready ? ('True' as const) : ('False' as const),
    reason: ready ? 'KubeletReady' : 'KubeletNotReady',
    message: ready ? 'kubelet is posting ready status' : 'kubelet was told to be unready',
    lastHeartbeatTime: at,
    lastTransitionTime: at,
  }
}

function nodeOf(server: SimulatedServer, now: number): Node {
  const name = server.machineName
  const resources = { cpu: '4', memory: '16Gi', pods: '110' }
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'node.kubernetes.io/instance-type': server.machineType,
        'topology.kubernetes.io/region': server.region,
        'topology.kubernetes.io/zone': server.zone,
      },
    },
    spec: { providerID: providerIdOf(server) },
    status: {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: 'InternalIP', address: server.address },
        { type: 'Hostname', address: name },
      ],
      conditions: [readyCondition(true, now)],
    },
  }
}
