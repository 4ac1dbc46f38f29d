import { secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeploymentSpec, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineAnnotations, machineLabels } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import type { Client } from '@trellis/kubernetes/client'
import { classFor, classSecret, deploymentOf } from '../rig.ts'
import { type FeatureAction, featureHandlers } from './feature-actions.ts'
import { chosen, type UsersOptions } from './users.ts'

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
  | { readonly do: 'quota'; readonly servers: number | undefined; readonly machineType?: string }
  | { readonly do: 'fail-next'; readonly operation: 'boot' | 'join' | 'create' | 'delete'; readonly times: number }
  | { readonly do: 'app'; readonly name: string; readonly replicas: number }
  | { readonly do: 'outage'; readonly cluster: 'control' | 'target'; readonly down: boolean }
  | { readonly do: 'silence'; readonly cluster: 'control' | 'target'; readonly seconds: number }
  | { readonly do: 'stateful-app'; readonly name: string; readonly replicas: number }
  | { readonly do: 'detaching'; readonly seconds: number | null }
  | { readonly do: 'updates'; readonly end: 'successful' | 'failed' | 'never' }
  | FeatureAction
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

/** Users of one namespace of machines. */
export function createUsers(options: UsersOptions): Users {
  const handlers = { ...deploymentHandlers(options), ...objectHandlers(options), ...featureHandlers(options) }
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
      const inPlaceUpdate = strategy.type === 'InPlaceUpdate' ? strategy.inPlaceUpdate : null
      return change(name, { spec: { strategy: { type: strategy.type, rollingUpdate, inPlaceUpdate } } })
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
      const status = ready ? ('True' as const) : ('False' as const)
      const before = found.status?.conditions?.find(({ type }) => type === 'Ready')
      const condition = {
        type: 'Ready',
        status,
        reason: ready ? 'KubeletReady' : 'KubeletNotReady',
        message: '',
        lastTransitionTime: before?.status === status ? before.lastTransitionTime : at,
      }
      const others = (found.status?.conditions ?? []).filter(({ type }) => type !== 'Ready')
      const patch = { status: { conditions: [...others, condition] } }
      await target.patch(nodes, keyOf(found), patch, { type: 'merge', subresource: 'status' })
    },
  }
}

/** Label and taint that only users write. */
export const userMark = 'example.com/user'
