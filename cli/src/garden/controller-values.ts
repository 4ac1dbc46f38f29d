import { garden } from './garden.ts'

/** Values of the chart `trellis` for this installation. */
export function controllerValues(images: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  return {
    images,
    seed: { name: garden.seed },
    clusterName: garden.name,
    network: garden.name,
  }
}
