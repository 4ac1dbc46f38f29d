import { instantText } from '@trellis/api/conditions'
import { type Node, nodes } from '@trellis/api/core/node'
import { deployments } from '@trellis/api/core/workload'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { checkInstant, throughGoTypes } from './typed-client.ts'

const trigger = 'node.machine.sapcloud.io/trigger-deletion-by-mcm'
const scaledAt = 'machine.sapcloud.io/last-deployment-replica-change-by-scaler-time'
const priority = 'machinepriority.machine.sapcloud.io'
const scaleDownDisabled = 'cluster-autoscaler.kubernetes.io/scale-down-disabled'
const retryMilliseconds = 5000

/** An instance as the autoscaler sees it. */
export interface Instance {
  readonly id: string
  readonly errorClass: 'OutOfResources' | undefined
}

/** What a node made from a group would offer. */
export interface NodeOffer {
  readonly instanceType: string
  readonly zone: string
  readonly region: string
  readonly cpu: string
  readonly memory: string
  readonly labels: Readonly<Record<string, string>>
}

/** Plays the machine controller manager's cloud provider of gardener/autoscaler: the same reads, the same writes, in the same order. */
export interface Autoscaler {
  /** Throws while the machine controller manager is not there; cordons nodes that are listed for deletion. */
  refresh(group: string): Promise<void>
  size(group: string): Promise<number>
  increaseSize(group: string, delta: number): Promise<void>
  decreaseTargetSize(group: string, delta: number): Promise<void>
  /** Throws during a rollout, and when no node is left that may be deleted. */
  deleteNodes(group: string, nodeNames: readonly string[]): Promise<void>
  instances(group: string): Promise<readonly Instance[]>
  offer(group: string): Promise<NodeOffer>
  /** Withdraws machines from its list, as it does when their nodes are wanted after all. */
  withdraw(group: string, machineNames: readonly string[], size: number): Promise<void>
  /** What releases of long ago did instead of {@link deleteNodes}. */
  deleteByPriority(group: string, machineNames: readonly string[]): Promise<void>
  /** What releases did that wrote no instants. */
  deleteByName(group: string, machineNames: readonly string[]): Promise<void>
}

/** Makes a player; control and target cluster are one. */
export function createAutoscaler(parts: {
  readonly clock: Clock
  readonly client: Client
  readonly namespace: string
}): Autoscaler {
  const { clock, client, namespace } = parts
  const read = (name: string) => client.get(machineDeployments, { namespace, name })
  const members = async (group: string) =>
    (await client.list(machines, { namespace, labelSelector: `name=${group}` })).items

  /** Writes the whole object, as a typed client does, and reads anew after a conflict. */
  const update = async (group: string, change: (deployment: MachineDeployment) => MachineDeployment | undefined) => {
    for (let tries = 0; ; tries++) {
      const changed = change(await read(group))
      if (changed === undefined) return
      try {
        await client.replace(machineDeployments, throughGoTypes(changed))
        return
      } catch (error) {
        if (!isFailure(error, 'Conflict') || tries > 12) throw error
        await clock.sleep(retryMilliseconds)
      }
    }
  }
  const resize = (group: string, size: number) =>
    update(group, (one) => {
      if (sizeOf(one) >= size && isRolling(one)) throw refused(`${group} is being rolled`)
      return { ...one, spec: { ...(one.spec ?? { template: {} }), replicas: size } }
    })
  const cordon = async (machine: Machine) => {
    const name = machine.metadata.labels?.node
    const node = name === undefined ? undefined : await client.find(nodes, { name })
    if (node === undefined || node.spec?.unschedulable || isKept(node)) return
    await client.replace(nodes, { ...node, spec: { ...node.spec, unschedulable: true } }).catch((error: unknown) => {
      if (!isFailure(error, 'Conflict', 'NotFound')) throw error
    })
  }

  return {
    refresh: async (group) => {
      const manager = await client.find(deployments, { namespace, name: 'machine-controller-manager' })
      if ((manager?.status?.availableReplicas ?? 0) === 0) {
        throw new Failure('Unavailable', 'machine-controller-manager is offline')
      }
      const listed = listedIn(await read(group))
      await Promise.all((await members(group)).filter(({ metadata }) => listed.includes(metadata.name)).map(cordon))
    },
    size: async (group) => sizeOf(await read(group)),
    increaseSize: async (group, delta) => resize(group, sizeOf(await read(group)) + delta),
    decreaseTargetSize: async (group, delta) => resize(group, sizeOf(await read(group)) - delta),
    deleteNodes: async (group, nodeNames) => {
      const found = await members(group)
      const chosen: Machine[] = []
      for (const name of nodeNames) {
        const node = await client.get(nodes, { name })
        const machine = found.find((one) => lastSegment(one.spec?.providerID) === lastSegment(node.spec?.providerID))
        if (machine === undefined || (await groupOf(machine)) !== group) throw refused(`${name} is not of ${group}`)
        if (!isFailedOrLeaving(machine) && !isKept(node)) chosen.push(machine)
      }
      if (chosen.length === 0) throw refused('no nodes deleted')
      if (isRolling(await read(group))) throw refused(`${group} is being rolled`)
      await update(group, (one) =>
        withChoices(
          one,
          chosen.map(({ metadata }) => metadata.name),
        ),
      )
      await Promise.all(chosen.map(cordon))
    },
    instances: async (group) => {
      const all = (await client.list(nodes)).items
      return (await members(group)).map((machine) => instanceOf(machine, all))
    },
    offer: (group) => offerOf(group),
    withdraw: (group, names, size) =>
      update(group, (one) => {
        const entries = (one.metadata.annotations?.[trigger] ?? '').split(',')
        const kept = entries.filter((entry) => !names.includes(entry.split('~')[0] ?? ''))
        return annotated(
          { ...one, spec: { ...(one.spec ?? { template: {} }), replicas: size } },
          { [trigger]: kept.join(',') },
        )
      }),
    deleteByPriority: async (group, names) => {
      for (const name of names) {
        const machine = await client.get(machines, { namespace, name })
        await client.replace(machines, annotated(machine, { [priority]: '1' }))
      }
      await resize(group, sizeOf(await read(group)) - names.length)
    },
    deleteByName: (group, names) =>
      update(group, (one) => {
        const replicas = sizeOf(one) - names.length
        return annotated(
          { ...one, spec: { ...(one.spec ?? { template: {} }), replicas } },
          { [trigger]: names.join(',') },
        )
      }),
  }

  /** The first owner of the machine's first owner, without asking whether it is the controller. */
  async function groupOf(machine: Machine): Promise<string | undefined> {
    const name = machine.metadata.ownerReferences?.[0]?.name ?? ''
    const set = await client.get(machineSets, { namespace, name })
    return set.metadata.ownerReferences?.[0]?.name
  }

  function withChoices(one: MachineDeployment, names: readonly string[]): MachineDeployment | undefined {
    const listed = listedIn(one)
    const added = names.filter((name) => !listed.includes(name)).sort()
    if (added.length === 0) return undefined
    const at = instantText(clock.now())
    const before = one.metadata.annotations?.[trigger] ?? ''
    const entries = added.map((name) => `${name}~${at}`).join(',')
    const list = before === '' ? entries : `${before},${entries}`
    const spec = { ...(one.spec ?? { template: {} }), replicas: sizeOf(one) - added.length }
    return annotated({ ...one, spec }, { [trigger]: list, [scaledAt]: at })
  }

  async function offerOf(group: string): Promise<NodeOffer> {
    const { class: reference, nodeTemplate } = (await read(group)).spec?.template.spec ?? {}
    if (reference?.kind !== 'MachineClass') throw refused(`${String(reference?.kind)} is no kind of class`)
    const { nodeTemplate: offered } = await client.get(machineClasses, { namespace, name: reference.name ?? '' })
    const capacity = offered?.capacity ?? {}
    for (const name of ['cpu', 'gpu', 'memory']) {
      if (capacity[name] === undefined) throw refused(`the core resource ${name} is mandatory`)
    }
    if (!offered?.instanceType || !offered.region || !offered.zone) throw refused('type, region and zone are mandatory')
    const { instanceType, region, zone } = offered
    const labels = nodeTemplate?.metadata?.labels ?? {}
    return { instanceType, region, zone, labels, cpu: String(capacity.cpu), memory: String(capacity.memory) }
  }
}

function instanceOf(machine: Machine, all: readonly Node[]): Instance {
  const node = all.find(({ metadata }) => metadata.name === machine.metadata.labels?.node)
  if (node !== undefined) return { id: node.spec?.providerID ?? '', errorClass: undefined }
  const { type, state, errorCode, lastUpdateTime } = machine.status?.lastOperation ?? {}
  checkInstant(lastUpdateTime, 'lastOperation.lastUpdateTime')
  const exhausted = type === 'Create' && state === 'Failed' && errorCode === 'ResourceExhausted'
  return { id: `requested://${machine.metadata.name}`, errorClass: exhausted ? 'OutOfResources' : undefined }
}

/** Any Progressing condition other than these two means a rollout. */
function isRolling({ status }: MachineDeployment): boolean {
  const progressing = status?.conditions?.find(({ type }) => type === 'Progressing')
  if (progressing === undefined) return false
  const { status: holds, reason } = progressing
  const settled = holds === 'True' && reason === 'NewMachineSetAvailable'
  return !settled && !(holds === 'Unknown' && reason === 'DeploymentPaused')
}

function listedIn({ metadata }: MachineDeployment): readonly string[] {
  const text = metadata.annotations?.[trigger] ?? ''
  return text === '' ? [] : text.split(',').map((entry) => entry.split('~')[0] ?? '')
}

function annotated<Kind extends Machine | MachineDeployment>(object: Kind, annotations: Record<string, string>): Kind {
  const { metadata } = object
  return { ...object, metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } } }
}

function isFailedOrLeaving({ metadata, status }: Machine): boolean {
  return metadata.deletionTimestamp !== undefined || status?.currentStatus?.phase === 'Failed'
}

function isKept({ metadata }: Node): boolean {
  return metadata.annotations?.[scaleDownDisabled] === 'true'
}

function lastSegment(id: string | undefined): string {
  return id?.split('/').at(-1) ?? ''
}

function sizeOf({ spec }: MachineDeployment): number {
  return spec?.replicas ?? 0
}

function refused(message: string): Failure {
  return new Failure('Conflict', message)
}
