import type { MachineSet } from '@trellis/api/machine/machine-set'
import { matchesSelector } from '@trellis/kubernetes/selectors'
import type { SetTrouble } from './status.ts'

/** Why a set cannot be carried out, with the field; undefined when it can. */
export function invalidity(set: MachineSet): SetTrouble | undefined {
  const message = complaint(set)
  return message === undefined ? undefined : { reason: 'InvalidSpec', message }
}

function complaint({ spec = {} }: MachineSet): string | undefined {
  const { selector = {}, template = {}, replicas = 0 } = spec
  const { class: reference } = template.spec ?? {}
  if (!reference?.kind) return 'spec.template.spec.class.kind must be set'
  if (!reference.name) return 'spec.template.spec.class.name must be set'
  if (replicas < 0) return 'spec.replicas must not be negative'
  const { matchLabels = {}, matchExpressions = [] } = selector
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) return 'spec.selector must select something'
  // Machines that the set would not know for its own would be made without end.
  return matchesSelector(selector, template.metadata?.labels)
    ? undefined
    : 'spec.template.metadata.labels must fit spec.selector'
}
