import { secrets } from '@trellis/api/core/configuration'
import { machineApiVersion } from '@trellis/api/machine/common'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineClass, machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { waitFor } from '@trellis/kubernetes/wait'

/** One machine deployment, as its user sees it. */
export interface Fleet {
  /** Asks for that many machines and resolves with the seconds until that many, and no other, are there and Running. */
  scaleTo(replicas: number): Promise<number>
  /** Asks for machines of another class and resolves with the seconds until all are of it, Running, and no other is left. */
  roll(): Promise<number>
  /** Deletes one machine and resolves with the seconds until it no longer exists. */
  deleteOne(): Promise<number>
  /** Resolves once as many machines as wanted are there and Running. */
  settled(): Promise<void>
}

/** What a fleet is made of. */
export interface FleetOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly namespace: string
}

/** The name of everything there is one of. */
const name = 'fleet'
const pollMilliseconds = 20
const longestMilliseconds = 900_000

/** Makes two classes, their secret and a deployment of no machines. */
export async function plantFleet(options: FleetOptions): Promise<Fleet> {
  const { client, clock, namespace } = options
  const key = { namespace, name }
  const userData = Buffer.from('#cloud-config\n# <<MACHINE_NAME>> <<BOOTSTRAP_TOKEN>>\n').toString('base64')
  await client.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: key, data: { userData } })
  await client.create(machineClasses, classOf(namespace, 'small'))
  await client.create(machineClasses, classOf(namespace, 'large'))
  await client.create(machineDeployments, deploymentOf(namespace))
  const timed = async (work: () => Promise<void>) => {
    const begin = clock.now()
    await work()
    return (clock.now() - begin) / 1000
  }
  const until = (isThere: (deployment: MachineDeployment) => boolean) =>
    waitFor({
      ...options,
      resource: machineDeployments,
      key,
      until: (deployment) => deployment !== undefined && isThere(deployment),
      timeoutMilliseconds: longestMilliseconds,
    })
  const ask = (spec: object) => client.patch(machineDeployments, key, { spec }, { type: 'merge' })
  return {
    settled: async () => {
      const deployment = await until((one) => isSettled(one, one.metadata.generation ?? 0))
      await untilExactly(options, deployment?.spec?.replicas ?? 0)
    },
    scaleTo: (replicas) =>
      timed(async () => {
        const { metadata } = await ask({ replicas })
        await until((deployment) => isSettled(deployment, metadata.generation ?? 0))
        await untilExactly(options, replicas)
      }),
    roll: () =>
      timed(async () => {
        const { metadata, spec } = await ask({ template: { spec: { class: { name: 'large' } } } })
        await until((deployment) => isSettled(deployment, metadata.generation ?? 0))
        await untilExactly(options, spec?.replicas ?? 0, 'large')
      }),
    deleteOne: () =>
      timed(async () => {
        const [victim] = (await client.list(machines, { namespace, limit: 1 })).items
        if (victim === undefined) throw new Failure('NotFound', 'there is no machine to delete')
        await client.delete(machines, keyOf(victim))
        while ((await client.find(machines, keyOf(victim)))?.metadata.uid === victim.metadata.uid) {
          await clock.sleep(pollMilliseconds)
        }
      }),
  }
}

/** Whether the deployment says of itself, and of its present spec, that all is as wanted. */
function isSettled({ spec, status = {} }: MachineDeployment, generation: number): boolean {
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, observedGeneration = 0 } = status
  const wanted = spec?.replicas ?? 0
  return (
    observedGeneration >= generation && [replicas, updatedReplicas, availableReplicas].every((one) => one === wanted)
  )
}

/** A status may say so early: waits until the machines themselves are as many as wanted, and checks each. */
async function untilExactly({ client, clock, namespace }: FleetOptions, count: number, className?: string) {
  const deadline = clock.now() + longestMilliseconds
  for (;;) {
    const { items, metadata } = await client.list<Machine>(machines, { namespace, limit: 1 })
    if (items.length + (metadata.remainingItemCount ?? 0) === count) break
    if (clock.now() > deadline) throw new Failure('Unavailable', `there are not ${count} machines`)
    await clock.sleep(pollMilliseconds)
  }
  const { items } = await client.list<Machine>(machines, { namespace, resourceVersion: '0' })
  const wrong = items.find(
    ({ spec, status }) =>
      status?.currentStatus?.phase !== 'Running' || (className !== undefined && spec?.class?.name !== className),
  )
  if (wrong === undefined) return
  throw new Failure('Conflict', `the deployment is settled, but ${wrong.metadata.name} is not Running as wanted`)
}

function classOf(namespace: string, className: string): MachineClass {
  return {
    apiVersion: machineApiVersion,
    kind: 'MachineClass',
    metadata: { name: className, namespace },
    provider: 'simulated',
    providerSpec: {
      machineType: className,
      tags: { 'kubernetes.io/cluster/bench': '1', 'kubernetes.io/role/node': '1' },
    },
    secretRef: { name, namespace },
  }
}

function deploymentOf(namespace: string): MachineDeployment {
  return {
    apiVersion: machineApiVersion,
    kind: 'MachineDeployment',
    metadata: { name, namespace },
    spec: {
      replicas: 0,
      selector: { matchLabels: { name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '10%', maxUnavailable: 0 } },
      template: {
        metadata: { labels: { name } },
        spec: {
          class: { apiGroup: 'machine.sapcloud.io', kind: 'MachineClass', name: 'small' },
          nodeTemplate: { metadata: { labels: { pool: name } } },
        },
      },
    },
  }
}
