import type { Node } from '@trellis/api/core/node'
import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import type { MemberLookup } from '../src/machine-deployment/in-place-members.ts'
import { type SetView, viewOf } from '../src/machine-deployment/sets-view.ts'
import { deployment, setFor } from './deployments.ts'
import { epoch, launched, nodeThat, ownedBy } from './objects.ts'

const prefix = 'node.machine.sapcloud.io/'

/** One machine in short: its phase, then labels of its node by their first letters: candidate, selected, successful result. */
export type Short = readonly [phase: MachinePhase, labels?: string, reason?: string]

/** Sets and nodes by short descriptions. */
export interface Pool {
  readonly lookup: MemberLookup
  view(name: string, wanted: number, machines: readonly Short[], disabled?: boolean, age?: number): SetView
}

/** Makes an empty pool. */
export function pool(): Pool {
  const nodes = new Map<string, Node>()
  const isAvailable = ({ status, metadata }: Machine) =>
    status?.currentStatus?.phase === 'Running' && metadata.deletionTimestamp === undefined
  return {
    lookup: { nodeOf: ({ metadata }) => nodes.get(metadata.name), isAvailable },
    view: (name, wanted, machines, disabled = true, age = 0) => {
      const base = setFor(deployment(1), wanted, age)
      const labels: Record<string, string> = disabled ? { [`${prefix}scale-up-disabled`]: 'true' } : {}
      const set = { ...base, metadata: { ...base.metadata, name, uid: `uid-${name}`, labels } }
      const made = machines.map(([phase, letters = '', reason], index) => {
        const machine = ownedBy(set, launched(phase, { metadata: { name: `${name}-${index}` } }))
        if (phase !== '' && phase !== 'CrashLoopBackOff')
          nodes.set(machine.metadata.name, nodeOf(machine, letters, reason))
        return machine
      })
      return viewOf(set, made, { now: epoch, minReady: 0, chosen: new Set() })
    },
  }
}

function nodeOf({ metadata }: Machine, letters: string, reason: string | undefined): Node {
  const node = nodeThat('True')
  const labels = {
    ...(letters.includes('c') ? { [`${prefix}candidate-for-update`]: 'true' } : {}),
    ...(letters.includes('s') ? { [`${prefix}selected-for-update`]: 'true' } : {}),
    ...(letters.includes('r') ? { [`${prefix}update-result`]: 'successful' } : {}),
  }
  const conditions = reason === undefined ? [] : [{ type: 'InPlaceUpdate', status: 'True' as const, reason }]
  return { ...node, metadata: { ...node.metadata, name: metadata.name, labels }, status: { conditions } }
}

/** What the patch of a node does, in a word. */
export function effectOf(patch: object): string {
  const { labels = {} } = (patch as { metadata: { labels?: Record<string, string | null> } }).metadata
  if (Object.values(labels).includes(null)) return JSON.stringify(patch).includes('critical') ? 'return' : 'free'
  return `${prefix}selected-for-update` in labels ? 'choose' : 'announce'
}

/** Machines at the usual points of an update. */
export const running: Short = ['Running', 'c']
export const updating: Short = ['InPlaceUpdating', 'cs', 'ReadyForUpdate']
export const updated: Short = ['InPlaceUpdateSuccessful', 'csr', 'UpdateSuccessful']
