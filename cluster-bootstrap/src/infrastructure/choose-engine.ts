import type { Shoot } from '@trellis/api/garden/shoot'

/** How infrastructure is made: by the flows on the clouds' SDKs, or by OpenTofu. */
export type EngineName = 'sdk' | 'opentofu'

/** The engine of a Shoot's infrastructure: the one that began it, else the one that the seed is configured for. Shoots that were begun before engines were noted have that on the SDK. */
export function chooseEngine({ status }: Pick<Shoot, 'status'>, forNewOnes: EngineName): EngineName {
  const { infrastructure } = status ?? {}
  if (infrastructure === undefined) return forNewOnes
  return infrastructure.engine === 'opentofu' ? 'opentofu' : 'sdk'
}
