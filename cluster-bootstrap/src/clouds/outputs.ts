import { InvariantError } from '@trellis/foundation/failure'
import type { InfrastructureOutputs } from '../infrastructure/engine.ts'

/** An output that the engine of a cloud always gives; an invariant error names it when it does not. */
export function need(outputs: InfrastructureOutputs, name: string): string {
  const value = outputs[name]
  if (value === undefined) throw new InvariantError(`the infrastructure has no output ${name}`)
  return value
}
