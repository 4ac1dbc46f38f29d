import { secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeploymentSpec, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineAnnotations, machineLabels } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { classFor, classSecret, deploymentOf } from '../rig.ts'

/** Something that a user, or the world, does. `pick` chooses among what there is, wrapping around. */
export type Action =
  | { readonly do: 'create-deployment'; readonly name: string; readonly replicas: number }
  | { readonly do: 'delete-deployment'; readonly name: string }
  | { readonly do: 'scale'; readonly name: string; readonly replicas: number }
  | { readonly do: 'roll'; readonly name: string; readonly machineClass: string }
  | {
      readonly do: 'strategy'
      readonly name: string
      readonly strategy: NonNullable<MachineDeploymentSpec['strategy']>
    }
  | { readonly do: 'label-template'; readonly name: string; readonly value: string }
  | { readonly do: 'pause'; readonly name: string; readonly paused: boolean }
  | { readonly do: 'change-class'; readonly machineClass: string; readonly value: string }
  | { readonly do: 'delete-machine'; readonly pick: number; readonly force?: boolean }
  | { readonly do: 'mark-machine'; readonly pick: number }
  | { readonly do: 'delete-node'; readonly pick: number }
  | { readonly do: 'label-node'; readonly pick: number; readonly value: string }
  | { readonly do: 'ready-node'; readonly pick: number; readonly ready: boolean }
  | { readonly do: 'delete-server'; readonly pick: number }
  | { readonly do: 'create-server'; readonly name: string }
  | { readonly do: 'quota'; readonly servers: number | undefined }
  | { readonly do: 'fail-next'; readonly operation: 'boot' | 'join' | 'create' | 'delete'; readonly times: number }
  | { readonly do: 'app'; readonly name: string; readonly replicas: number }
  | { readonly do: 'outage'; readonly cluster: 'control' | 'target'; readonly down: boolean }
  | { readonly do: 'break-watches' }
  | { readonly do: 'forget-history' }
  | { readonly do: 'crash' }
  | { readonly do: 'stop' }
  | { readonly do: 'start' }

/** Makes the class `small` and the class `large`, and their secret. */
export async function plantClasses(control: Client, namespace: string): Promise<void> {
  await control.create(secrets, classSecret(namespace))
  await control.create(machineClasses, classFor(namespace))
  await control.create(machineClasses, classFor(namespace, 'large', 'large'))
}

/** What users ask of the API servers. */
export interface Users {
  /** Carries out what is a user's; false when the action is none. What a user wants of an object is told before it is asked for. */
  act(action: Action): Promise<boolean>
}

/** What users work with. */
export interface UsersOptions {
  readonly control: Client
  readonly target: Client
  readonly namespace: string
  readonly now: () => number
  /** Told that a user is about to delete a machine, by its uid, or a node, by its name. */
  readonly onDeletion?: (uidOrNode: string) => void
  /** Whether there is still a server that a node may report from. */
  readonly mayBeReady?: (nodeName: string) => boolean
}

/** Users of one namespace of machines. */
export function createUsers(options: UsersOptions): Users {
  const handlers = { ...deploymentHandlers(options), ...objectHandlers(options) }
  return {
    act: async (action) => {
      const handler = handlers[action.do as keyof typeof handlers] as ((given: Action) => Promise<unknown>) | undefined
      if (handler === undefined) return false
      await handler(action)
      return true
    },
  }
}

type Of<Name extends Action['do']> = Extract<Action, { readonly do: Name }>

function deploymentHandlers({ control, namespace }: UsersOptions) {
  const change = async (name: string, patch: object) => {
    const key = { namespace, name }
    if ((await control.find(machineDeployments, key)) !== undefined)
      await control.patch(machineDeployments, key, patch, { type: 'merge' })
  }
  return {
    'create-deployment': async ({ name, replicas }: Of<'create-deployment'>) => {
      if ((await control.find(machineDeployments, { namespace, name })) !== undefined) return
      await control.create(machineDeployments, deploymentOf(namespace, name, replicas))
    },
    'delete-deployment': ({ name }: Of<'delete-deployment'>) => control.delete(machineDeployments, { namespace, name }),
    scale: ({ name, replicas }: Of<'scale'>) => change(name, { spec: { replicas } }),
    roll: ({ name, machineClass }: Of<'roll'>) =>
      change(name, { spec: { template: { spec: { class: { name: machineClass } } } } }),
    strategy: ({ name, strategy }: Of<'strategy'>) => {
      const rollingUpdate = strategy.type === 'RollingUpdate' ? strategy.rollingUpdate : null
      return change(name, { spec: { strategy: { type: strategy.type, rollingUpdate } } })
    },
    'label-template': ({ name, value }: Of<'label-template'>) =>
      change(name, {
        spec: {
          template: {
            spec: {
              nodeTemplate: {
                metadata: { labels: { 'example.com/template': value } },
                spec: { taints: [{ key: 'example.com/template', value, effect: 'PreferNoSchedule' }] },
              },
            },
          },
        },
      }),
    pause: ({ name, paused }: Of<'pause'>) => change(name, { spec: { paused } }),
    'change-class': async ({ machineClass, value }: Of<'change-class'>) => {
      const key = { namespace, name: machineClass }
      await control.patch(machineClasses, key, { providerSpec: { tags: { note: value } } }, { type: 'merge' })
    },
  }
}

function objectHandlers({ control, target, namespace, now, onDeletion, mayBeReady }: UsersOptions) {
  const machine = async (pick: number) => chosen((await control.list(machines, { namespace })).items, pick)
  const node = async (pick: number) => chosen((await target.list(nodes)).items, pick)
  return {
    'delete-machine': async ({ pick, force = false }: Of<'delete-machine'>) => {
      const found = await machine(pick)
      if (found === undefined) return
      onDeletion?.(found.metadata.uid ?? '')
      const labels = { [machineLabels.forceDeletion]: 'True' }
      if (force) await control.patch(machines, keyOf(found), { metadata: { labels } }, { type: 'merge' })
      await control.delete(machines, keyOf(found))
    },
    'mark-machine': async ({ pick }: Of<'mark-machine'>) => {
      const found = await machine(pick)
      if (found === undefined) return
      const annotations = { [machineAnnotations.priority]: '1' }
      await control.patch(machines, keyOf(found), { metadata: { annotations } }, { type: 'merge' })
    },
    'delete-node': async ({ pick }: Of<'delete-node'>) => {
      const found = await node(pick)
      if (found === undefined) return
      onDeletion?.(found.metadata.name)
      await target.delete(nodes, keyOf(found))
    },
    'label-node': async ({ pick, value }: Of<'label-node'>) => {
      const found = await node(pick)
      if (found === undefined) return
      const taints = (found.spec?.taints ?? []).filter(({ key }) => key !== userMark)
      const patch = {
        metadata: { labels: { [userMark]: value }, resourceVersion: found.metadata.resourceVersion },
        spec: { taints: [...taints, { key: userMark, value, effect: 'PreferNoSchedule' }] },
      }
      await target.patch(nodes, keyOf(found), patch, { type: 'merge' })
    },
    'ready-node': async ({ pick, ready }: Of<'ready-node'>) => {
      const found = await node(pick)
      if (found === undefined || (ready && mayBeReady?.(found.metadata.name) === false)) return
      const at = new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z')
      const condition = {
        type: 'Ready',
        status: ready ? ('True' as const) : ('False' as const),
        reason: ready ? 'KubeletReady' : 'KubeletNotReady',
        message: '',
        lastTransitionTime: at,
      }
      const others = (found.status?.conditions ?? []).filter(({ type }) => type !== 'Ready')
      const patch = { status: { conditions: [...others, condition] } }
      await target.patch(nodes, keyOf(found), patch, { type: 'merge', subresource: 'status' })
    },
  }
}

/** Label and taint that only users write. */
export const userMark = 'example.com/user'

function chosen<Kind>(items: readonly Kind[], pick: number): Kind | undefined {
  return items[pick % Math.max(1, items.length)]
}

/** Names of the deployments that random users work with. */
export const deploymentNames = ['alpha', 'beta'] as const

/** Something at random. */
export function drawAction(random: Random): Action {
  const drawers = [...userDrawers, ...userDrawers, ...worldDrawers]
  const draw = drawers[random.integer(drawers.length)] ?? (() => ({ do: 'break-watches' as const }))
  return draw(random)
}

type Draw = (random: Random) => Action

const nameOf = (random: Random) => deploymentNames[random.integer(3) === 0 ? 1 : 0] ?? 'alpha'
const pickOf = (random: Random) => random.integer(20)

const userDrawers: readonly Draw[] = [
  (random) => ({ do: 'scale', name: nameOf(random), replicas: random.integer(6) }),
  (random) => ({ do: 'scale', name: nameOf(random), replicas: random.integer(6) }),
  (random) => ({ do: 'roll', name: nameOf(random), machineClass: random.integer(2) === 0 ? 'small' : 'large' }),
  (random) => ({ do: 'roll', name: nameOf(random), machineClass: random.integer(2) === 0 ? 'small' : 'large' }),
  (random) => ({ do: 'strategy', name: nameOf(random), strategy: drawStrategy(random) }),
  (random) => ({ do: 'label-template', name: nameOf(random), value: `v${random.integer(5)}` }),
  (random) => ({ do: 'pause', name: nameOf(random), paused: random.integer(3) === 0 }),
  (random) => ({ do: 'delete-machine', pick: pickOf(random), force: random.integer(4) === 0 }),
  (random) => ({ do: 'mark-machine', pick: pickOf(random) }),
  (random) => ({ do: 'create-deployment', name: nameOf(random), replicas: random.integer(5) }),
  (random) => ({ do: 'app', name: `app-${random.integer(3)}`, replicas: random.integer(4) }),
  (random) => ({ do: 'label-node', pick: pickOf(random), value: `v${random.integer(5)}` }),
]

const worldDrawers: readonly Draw[] = [
  (random) => ({ do: 'delete-deployment', name: nameOf(random) }),
  (random) => ({ do: 'change-class', machineClass: 'small', value: `v${random.integer(3)}` }),
  (random) => ({ do: 'delete-node', pick: pickOf(random) }),
  (random) => ({ do: 'ready-node', pick: pickOf(random), ready: random.integer(2) === 0 }),
  (random) => ({ do: 'ready-node', pick: pickOf(random), ready: random.integer(2) === 0 }),
  (random) => ({ do: 'delete-server', pick: pickOf(random) }),
  (random) => ({ do: 'create-server', name: `stray-${random.integer(1000)}` }),
  (random) => ({ do: 'quota', servers: random.integer(2) === 0 ? undefined : random.integer(6) }),
  (random) => ({
    do: 'fail-next',
    operation: (['boot', 'join', 'create', 'delete'] as const)[random.integer(4)] ?? 'boot',
    times: 1 + random.integer(3),
  }),
  (random) => ({
    do: 'outage',
    cluster: random.integer(2) === 0 ? 'control' : 'target',
    down: random.integer(2) === 0,
  }),
  () => ({ do: 'break-watches' }),
  () => ({ do: 'forget-history' }),
  () => ({ do: 'crash' }),
  () => ({ do: 'stop' }),
]

function drawStrategy(random: Random): NonNullable<MachineDeploymentSpec['strategy']> {
  const draw = random.integer(5)
  if (draw === 0) return { type: 'Recreate' }
  const maxSurge = random.integer(3)
  const maxUnavailable = draw === 1 ? '50%' : random.integer(3)
  return { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } }
}
