import type { MachineTemplate } from '@trellis/api/machine/common'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import { sameJson } from '@trellis/mcm/common/equality'
import { livePathsOf, valueAt } from '@trellis/mcm/machine/live-fields'
import { decisivePart } from '@trellis/mcm/machine-deployment/template-hash'

/** A field that differs. */
export interface Change {
  /** As in `spec.template.spec.class.name`. */
  readonly field: string
  readonly before: string
  readonly after: string
}

/** What an edit of a class means. */
export interface ClassChanges {
  /** What only new servers follow. */
  readonly changes: readonly Change[]
  /** What the machine controller changes on servers that run. */
  readonly live: readonly Change[]
}

/** Where the parts of a template that decide over replacement stand in a deployment. */
const decisivePaths: Readonly<Record<string, string>> = {
  labels: 'spec.template.metadata.labels',
  annotations: 'spec.template.metadata.annotations',
  class: 'spec.template.spec.class',
  providerID: 'spec.template.spec.providerID',
}

/** The fields whose change replaces machines: those by which the controller itself compares templates. */
export function decisiveChanges(
  before: MachineTemplate | undefined,
  after: MachineTemplate | undefined,
): readonly Change[] {
  const [left, right] = [decisivePart(before), decisivePart(after)]
  return Object.entries(decisivePaths).flatMap(([part, path]) =>
    changesBetween(Reflect.get(left, part), Reflect.get(right, part), path),
  )
}

/** The changes of a class, sorted by what becomes of its servers: its machines themselves say which fields change on those that run. */
export function classChanges(before: MachineClass, after: MachineClass, machines: readonly Machine[]): ClassChanges {
  const { metadata: _before, ...was } = before
  const { metadata: _after, ...is } = after
  const paths = [...new Set(machines.flatMap(livePathsOf))].sort()
  const live = paths.flatMap((path) =>
    changesBetween(valueAt(was.providerSpec, path), valueAt(is.providerSpec, path), `providerSpec.${path}`),
  )
  const told = new Set(live.map(({ field }) => field))
  const all = changesBetween(was, is, '').map(({ field, ...change }) => ({
    ...change,
    field: field.replace(/^\./, ''),
  }))
  return { changes: all.filter(({ field }) => !told.has(field)), live }
}

/** Every field below `path` in which two values differ. */
export function changesBetween(before: unknown, after: unknown, path: string): readonly Change[] {
  if (sameJson(before, after)) return []
  if (isPlain(before) && isPlain(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
    return keys.flatMap((key) => changesBetween(before[key], after[key], `${path}${member(key)}`))
  }
  return [{ field: path, before: shown(before), after: shown(after) }]
}

/** Keys of labels have dots and slashes of their own. */
function member(key: string): string {
  return /^[\w-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

function shown(value: unknown): string {
  const text = value === undefined ? '(none)' : typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
