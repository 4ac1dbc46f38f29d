import { nodes } from '@trellis/api/core/node'
import { machineApiVersion } from '@trellis/api/machine/common'
import { machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { machineAnnotations, machineLabels } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import { controllerOf } from '../../src/common/ownership.ts'
import { nodeUpdateOf } from '../../src/machine/in-place-node.ts'
import { chosen, type UsersOptions } from './users.ts'

/** What users do with updates in place, preservation, freezes, fallback and the limits of repair. */
export type FeatureAction =
  /** Chooses one node that is announced to be updated in place, or takes the choice back. */
  | { readonly do: 'choose-node'; readonly pick: number; readonly chosen: boolean }
  /** Chooses every such node of the deployments that leave the choice to people. */
  | { readonly do: 'choose-all-nodes' }
  | { readonly do: 'preserve-machine'; readonly pick: number; readonly value: string | null }
  | { readonly do: 'preserve-node'; readonly pick: number; readonly value: string | null }
  | { readonly do: 'auto-preserve'; readonly name: string; readonly most: number }
  | { readonly do: 'fallback'; readonly name: string; readonly classes: string | null }
  | {
      readonly do: 'limit-repair'
      readonly name: string
      readonly perZone: string | null
      readonly inAll: string | null
    }
  /** Makes machines that a set of the deployment takes for its own. */
  | { readonly do: 'slip-in-machines'; readonly name: string; readonly machines: readonly string[] }
  /** Deletes the machines that users made and no set took for its own before its deployment went: they are theirs to the end. */
  | { readonly do: 'tidy-up' }
  | { readonly do: 'unfreeze'; readonly name: string }

type Of<Name extends FeatureAction['do']> = Extract<FeatureAction, { readonly do: Name }>

/** Carries these out. */
export function featureHandlers(options: UsersOptions) {
  return {
    ...updateHandlers(options),
    ...wishHandlers(options),
    ...annotationHandlers(options),
    ...slippedHandlers(options),
  }
}

function updateHandlers({ control, target, namespace, onChoice }: UsersOptions) {
  const choose = async (name: string, value: 'true' | null) => {
    onChoice?.(name)
    const labels = { [machineLabels.selectedForUpdate]: value }
    await target.patch(nodes, { name }, { metadata: { labels } }, { type: 'merge' })
  }
  const announced = async () => (await target.list(nodes)).items.filter((node) => nodeUpdateOf(node).candidate)
  return {
    'choose-node': async ({ pick, chosen: value }: Of<'choose-node'>) => {
      const open = (await announced()).filter((node) => nodeUpdateOf(node).selected !== value)
      const found = chosen(open, pick)
      if (found !== undefined) await choose(found.metadata.name, value ? 'true' : null)
    },
    'choose-all-nodes': async (_: Of<'choose-all-nodes'>) => {
      const byHand = new Set(
        (await control.list(machineDeployments, { namespace })).items
          .filter(({ spec }) => spec?.strategy?.inPlaceUpdate?.orchestrationType === 'Manual')
          .map(({ metadata }) => metadata.name),
      )
      const own = (await control.list(machines, { namespace })).items.filter(({ metadata }) =>
        byHand.has(metadata.labels?.[machineLabels.deploymentName] ?? ''),
      )
      const names = new Set(own.map(({ metadata }) => metadata.name))
      for (const node of await announced()) {
        const { selected } = nodeUpdateOf(node)
        if (names.has(node.metadata.name) && !selected) await choose(node.metadata.name, 'true')
      }
    },
  }
}

function wishHandlers({ control, target, namespace }: UsersOptions) {
  return {
    'preserve-machine': async ({ pick, value }: Of<'preserve-machine'>) => {
      const found = chosen((await control.list(machines, { namespace })).items, pick)
      if (found === undefined) return
      const annotations = { [machineAnnotations.preserve]: value }
      await control.patch(machines, keyOf(found), { metadata: { annotations } }, { type: 'merge' })
    },
    'preserve-node': async ({ pick, value }: Of<'preserve-node'>) => {
      const found = chosen((await target.list(nodes)).items, pick)
      if (found === undefined) return
      const annotations = { [machineAnnotations.preserve]: value }
      await target.patch(nodes, keyOf(found), { metadata: { annotations } }, { type: 'merge' })
    },
  }
}

function slippedHandlers({ control, namespace, onMachine, onDeletion }: UsersOptions) {
  const made = new Set<string>()
  return {
    'tidy-up': async (_: Of<'tidy-up'>) => {
      if (made.size === 0) return
      const wanted = (await control.list(machineDeployments, { namespace })).items.map(({ metadata }) => metadata.name)
      for (const machine of (await control.list(machines, { namespace })).items) {
        const { name, labels, uid = '', deletionTimestamp } = machine.metadata
        const deployment = labels?.[machineLabels.deploymentName] ?? ''
        const isForsaken = controllerOf(machine) === undefined && !wanted.includes(deployment)
        if (!made.has(name) || !isForsaken || deletionTimestamp !== undefined) continue
        onDeletion?.(uid)
        await control.delete(machines, keyOf(machine))
      }
    },
    'slip-in-machines': async ({ name, machines: names }: Of<'slip-in-machines'>) => {
      const sets = (await control.list(machineSets, { namespace })).items
      const set = sets.find(({ metadata, spec }) => metadata.labels?.name === name && (spec?.replicas ?? 0) > 0)
      const template = set?.spec?.template
      if (template === undefined || set?.metadata.deletionTimestamp !== undefined) return
      for (const machine of names) {
        made.add(machine)
        onMachine?.(machine)
        await control.create(machines, {
          apiVersion: machineApiVersion,
          kind: 'Machine',
          metadata: { namespace, name: machine, labels: { ...template.metadata?.labels } },
          spec: { ...template.spec },
        })
      }
    },
  }
}

function annotationHandlers({ control, namespace }: UsersOptions) {
  const change = async (name: string, patch: object) => {
    const key = { namespace, name }
    if ((await control.find(machineDeployments, key)) !== undefined)
      await control.patch(machineDeployments, key, patch, { type: 'merge' })
  }
  const annotate = (name: string, annotations: Readonly<Record<string, string | null>>) =>
    change(name, { metadata: { annotations } })
  return {
    'auto-preserve': ({ name, most }: Of<'auto-preserve'>) =>
      change(name, { spec: { autoPreserveFailedMachineMax: most } }),
    fallback: ({ name, classes }: Of<'fallback'>) => annotate(name, { [machineAnnotations.fallbackClasses]: classes }),
    'limit-repair': ({ name, perZone, inAll }: Of<'limit-repair'>) =>
      annotate(name, {
        [machineAnnotations.maxReplacementsPerZone]: perZone,
        [machineAnnotations.maxReplacements]: inAll,
      }),
    unfreeze: ({ name }: Of<'unfreeze'>) => annotate(name, { [machineAnnotations.unfreeze]: 'true' }),
  }
}
