import { Failure } from '@trellis/foundation/failure'
import type { InfrastructureOutputs } from '../../engine.ts'

/**
 * The outputs of a module as those of the port: texts, by name. Maps become paths, `{"zone": {"a": {"subnet": "subnet-1"}}}` becomes `zone/a/subnet`; null is left out.
 * Throws `Unavailable` when one of those that are needed is missing, as after a run that was called off.
 */
export function outputsOf(values: Readonly<Record<string, unknown>>, needed: readonly string[]): InfrastructureOutputs {
  const outputs = Object.fromEntries(flatten('', values))
  const missing = needed.filter(
    (name) => !Object.keys(outputs).some((key) => key === name || key.startsWith(`${name}/`)),
  )
  if (missing.length === 0) return outputs
  throw new Failure('Unavailable', `OpenTofu gave no output ${missing.join(', ')}`)
}

function flatten(path: string, value: unknown): readonly (readonly [string, string])[] {
  if (value === null || value === undefined) return []
  if (typeof value !== 'object') return [[path, String(value)]]
  return Object.entries(value).flatMap(([name, inner]) => flatten(path === '' ? name : `${path}/${name}`, inner))
}
