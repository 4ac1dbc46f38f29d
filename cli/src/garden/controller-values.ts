import type { Installation } from '../installation.ts'
import { garden } from './garden.ts'

/** Values of the chart `trellis` for this installation. */
export function controllerValues(
  images: Readonly<Record<string, string>>,
  infrastructure: Installation['infrastructure'],
): Readonly<Record<string, unknown>> {
  return {
    images,
    seed: { name: garden.seed },
    clusterName: garden.name,
    network: garden.name,
    clusterBootstrap: { openTofu: { enabled: infrastructure === 'opentofu' } },
  }
}
