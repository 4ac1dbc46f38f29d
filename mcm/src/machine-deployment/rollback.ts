import type { MachineTemplate } from '@trellis/api/machine/common'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineEventReasons, machineLabels } from '@trellis/api/machine/well-known'
import { replacement } from '../machine-set/template.ts'
import { revisionOf } from './new-set.ts'
import { sameTemplate } from './template-hash.ts'

/** What becomes of a wish to roll back: the patch that carries it out or withdraws it, and what to tell. */
export interface Rollback {
  readonly patch: object
  readonly event: { readonly type: 'normal' | 'warn'; readonly reason: string; readonly message: string }
}

/** How a deployment carries out its `rollbackTo`; undefined when it has none. Revision 0, or none, is the one before the present. */
export function decideRollback(deployment: MachineDeployment, sets: readonly MachineSet[]): Rollback | undefined {
  const { rollbackTo } = deployment.spec ?? {}
  if (rollbackTo === undefined) return undefined
  const { rollback, rollbackRevisionNotFound, rollbackTemplateUnchanged } = machineEventReasons
  const revision = rollbackTo.revision || revisionBefore(sets)
  const set = revision === 0 ? undefined : sets.find((one) => revisionOf(one) === revision)
  if (set === undefined) {
    const message = revision === 0 ? 'Unable to find last revision.' : 'Unable to find the revision to rollback to.'
    return { patch: patchOf(deployment), event: { type: 'warn', reason: rollbackRevisionNotFound, message } }
  }
  const present = deployment.spec?.template
  if (sameTemplate(present, set.spec?.template)) {
    const message = `The rollback revision contains the same template as current deployment "${deployment.metadata.name}"`
    return { patch: patchOf(deployment), event: { type: 'warn', reason: rollbackTemplateUnchanged, message } }
  }
  const message = `Rolled back deployment "${deployment.metadata.name}" to revision ${revision}`
  return {
    patch: patchOf(deployment, { template: replacement(present, templateOf(set)) }),
    event: { type: 'normal', reason: rollback, message },
  }
}

function patchOf({ metadata }: MachineDeployment, spec: object = {}): object {
  return { metadata: { resourceVersion: metadata.resourceVersion }, spec: { ...spec, rollbackTo: null } }
}

/** The revision before the present one; 0 when there is none. */
function revisionBefore(sets: readonly MachineSet[]): number {
  return sets.map(revisionOf).sort((left, right) => right - left)[1] ?? 0
}

/** The template of a set as its deployment had it. */
function templateOf({ spec }: MachineSet): MachineTemplate {
  const { metadata, ...rest } = spec?.template ?? {}
  const { [machineLabels.templateHash]: _, ...labels } = metadata?.labels ?? {}
  return { ...rest, ...(metadata === undefined ? {} : { metadata: { ...metadata, labels } }) }
}
