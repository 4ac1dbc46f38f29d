import type { Installation } from '../installation.ts'
import { garden } from './garden.ts'

/** Values of the chart `trellis` for this installation; `tunnelDoor` is the address of the seed's front door, once it has one. */
export function controllerValues(
  images: Readonly<Record<string, string>>,
  { infrastructure, httpConnect }: Pick<Installation, 'infrastructure' | 'httpConnect'>,
  tunnelDoor: string | undefined,
): Readonly<Record<string, unknown>> {
  return {
    images,
    seed: { name: garden.seed },
    clusterName: garden.name,
    network: garden.name,
    clusterBootstrap: {
      openTofu: { enabled: infrastructure === 'opentofu' },
      httpConnect,
      ...(tunnelDoor === undefined ? {} : { tunnelDoor }),
    },
  }
}
