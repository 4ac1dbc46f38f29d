import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import type { PlannedChange } from '../engine.ts'

const changeSchema = Type.Object({
  actions: Type.Array(Type.String()),
  before: Type.Optional(Type.Unknown()),
  after: Type.Optional(Type.Unknown()),
  after_unknown: Type.Optional(Type.Unknown()),
})

const planSchema = Type.Object({
  resource_changes: Type.Optional(
    Type.Array(Type.Object({ address: Type.String(), mode: Type.Optional(Type.String()), change: changeSchema })),
  ),
  planned_values: Type.Optional(
    Type.Object({
      outputs: Type.Optional(Type.Record(Type.String(), Type.Object({ value: Type.Optional(Type.Unknown()) }))),
    }),
  ),
})

/** A plan as `tofu show -json` writes it. Fields that are not read here are left out. */
export type Plan = Static<typeof planSchema>

const parser = createParser(planSchema, 'plan of OpenTofu')

/** Checks a plan; throws `Invalid` when it has another shape. */
export function parsePlan(input: unknown): Plan {
  return parser.parse(input)
}

type Change = Static<typeof changeSchema>

/** What a plan would do, resource by resource; an update names each field that differs. Reading data and taking over what exists change nothing. */
export function plannedChanges(plan: Plan): readonly PlannedChange[] {
  return (plan.resource_changes ?? [])
    .filter((one) => one.mode !== 'data')
    .flatMap(({ address, change }): readonly PlannedChange[] => {
      const action = actionOf(change.actions)
      if (action === undefined) return []
      if (action !== 'update') return [{ action, what: address }]
      const fields = changedFields(change)
      if (fields.length === 0) return [{ action, what: address }]
      return fields.map((field) => ({ action, what: address, field }))
    })
}

/** A replacement is told as its two halves, in the order in which they are to happen. */
function actionOf(actions: readonly string[]): PlannedChange['action'] | undefined {
  if (actions.includes('create') && actions.includes('delete')) return 'replace'
  return (['create', 'update', 'delete'] as const).find((action) => actions.includes(action))
}

function changedFields({ before, after, after_unknown: unknown }: Change): readonly string[] {
  const [old, wanted, unsure] = [before, after, unknown].map(fieldsOf)
  const names = new Set([...Object.keys(old ?? {}), ...Object.keys(wanted ?? {}), ...Object.keys(unsure ?? {})])
  return [...names].filter((name) => unsure?.[name] === true || !equal(old?.[name], wanted?.[name])).sort()
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}

/** OpenTofu writes both sides with the same order of keys, so equal values have equal texts. */
function equal(one: unknown, other: unknown): boolean {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null)
}

/** What the modules hand out once the plan has been carried out; complete only for a plan that changes nothing. */
export function plannedOutputs(plan: Plan): Readonly<Record<string, unknown>> {
  const outputs = plan.planned_values?.outputs ?? {}
  return Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output.value]))
}

/** A plan in one line for people: what is made, changed and deleted. */
export function summaryOf(changes: readonly PlannedChange[]): string {
  const words = { create: 'create', update: 'change', replace: 'replace', delete: 'delete' } as const
  const parts = Object.entries(words).flatMap(([action, word]) => {
    const what = [...new Set(changes.filter((one) => one.action === action).map((one) => one.what))]
    return what.length === 0 ? [] : [`${word} ${what.join(', ')}`]
  })
  return parts.length === 0 ? 'nothing to change' : parts.join('; ')
}
