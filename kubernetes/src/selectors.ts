import type { LabelSelector } from '@trellis/api/meta'
import { Failure } from '@trellis/foundation/failure'

type Labels = Readonly<Record<string, string>>
type Requirement = NonNullable<LabelSelector['matchExpressions']>[number]

/** Whether an object with these labels is selected. An empty selector selects everything. */
export function matchesSelector(selector: LabelSelector, labels: Labels = {}): boolean {
  return requirementsOf(selector).every((requirement) => fulfils(requirement, labels))
}

/** A selector in the form that a list's `labelSelector` takes. */
export function selectorText(selector: LabelSelector): string {
  return requirementsOf(selector).map(requirementText).join(',')
}

/** The inverse of {@link selectorText}, for every form that API servers accept; throws `Invalid` for any other text. */
export function parseSelectorText(text: string): LabelSelector {
  const parts = text.trim() === '' ? [] : text.split(/,(?![^(]*\))/)
  return { matchExpressions: parts.map((part) => parseRequirement(part.trim())) }
}

function requirementsOf({ matchLabels = {}, matchExpressions = [] }: LabelSelector): readonly Requirement[] {
  const equal = Object.entries(matchLabels).map(
    ([key, value]): Requirement => ({ key, operator: 'In', values: [value] }),
  )
  return [...equal, ...matchExpressions]
}

function fulfils({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}

function requirementText({ key, operator, values = [] }: Requirement): string {
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(',')})`
    case 'NotIn':
      return `${key} notin (${values.join(',')})`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
  }
}

function parseRequirement(part: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(part)
  if (set?.[1] !== undefined) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim())
    return { key: set[1], operator: set[2] === 'in' ? 'In' : 'NotIn', values }
  }
  const equality = /^([^\s=!]+)\s*(==?|!=)\s*([^\s=!]*)$/.exec(part)
  if (equality?.[1] !== undefined) {
    return { key: equality[1], operator: equality[2] === '!=' ? 'NotIn' : 'In', values: [equality[3] ?? ''] }
  }
  const existence = /^(!?)\s*([^\s=!()]+)$/.exec(part)
  if (existence?.[2] !== undefined) {
    return { key: existence[2], operator: existence[1] === '!' ? 'DoesNotExist' : 'Exists' }
  }
  throw new Failure('Invalid', `${part} is no label requirement`, { field: 'labelSelector' })
}
