import type { Parts } from '@trellis/distribution/distribution'
import { kubernetesVersion } from '@trellis/distribution/pins'
import { defineOutput } from '@trellis/flow/output'
import type { Task } from '@trellis/flow/task'
import { InvariantError } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { paths } from '../../installation.ts'
import { writeWhole } from '../../store.ts'
import { createPartsView } from '../../view/parts-view.ts'
import type { UpServices } from '../services.ts'

const PartsSchema = Type.Object({
  kubernetesVersion: Type.String(),
  /** Directory with helm, kubectl and the control-plane programs. */
  programs: Type.String(),
  images: Type.Record(Type.String(), Type.String()),
  machineImages: Type.Array(Type.Object({ name: Type.String(), layers: Type.Array(Type.String()) })),
})

/** Where the parts lie and what they are called. */
export const partsOutput = defineOutput('parts', createParser(PartsSchema, 'parts').parse)

/** Gets every part that is not cached and tells the cloud which machine images there are. */
export const parts: Task<UpServices> = {
  id: 'parts',
  dependsOn: ['host'],
  produces: partsOutput,
  run: async ({ services, signal }) => {
    const view = createPartsView((tasks) => services.showChildren('parts', tasks))
    const made = await services.distribution.ensure(
      ['assets', services.installation.infrastructure === 'opentofu' ? 'machines-opentofu' : 'machines'],
      (event) => view.take(event, services.clock.now()),
      signal,
    )
    const output = {
      kubernetesVersion,
      programs: programsOf(made),
      images: made.images,
      machineImages: made.machineImages.map(({ name, layers }) => ({ name, layers: [...layers] })),
    }
    const files = paths(services.installation)
    await writeWhole(files.machineImages, `${JSON.stringify({ images: output.machineImages }, null, 2)}\n`)
    await writeWhole(files.parts, `${JSON.stringify(output, null, 2)}\n`)
    return output
  },
}

/** Directory of kubectl, helm and the control-plane programs. */
export function programsOf(parts: Parts): string {
  if (parts.assetsDirectory === undefined) throw new InvariantError('the distribution gave no programs')
  return parts.assetsDirectory
}
