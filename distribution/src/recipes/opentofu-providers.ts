import { link } from 'node:fs/promises'
import { join } from 'node:path'
import { type Architecture, openTofuProviders, type ProgramsPart, programPins } from '../pins.ts'
import type { Recipe } from '../store/part.ts'
import { makeFolder } from './layer-files.ts'

/** The host under which OpenTofu looks for providers that name none. */
const registry = 'registry.opentofu.org'

/** The recipe of the providers for OpenTofu, laid out as the filesystem mirror from which `tofu init` installs without any network. */
export function openTofuProvidersRecipe(architecture: Architecture): Recipe {
  const providers = Object.entries(openTofuProviders) as [ProgramsPart, string][]
  const files = providers.map(([part, source]) => ({ part, ...mirrorPlace(part, source, architecture) }))
  return {
    part: 'opentofu-providers',
    needs: providers.map(([part]) => part),
    heavy: false,
    inputs: async () => [JSON.stringify(files)],
    make: async (workshop) => {
      for (const { part, folder, name } of files) {
        await makeFolder(workshop.directory, folder)
        await link(join(workshop.part(part).directory, 'bin', part), join(workshop.directory, folder, name))
      }
      return 'build'
    },
  }
}

/** Where a provider lies in a mirror: the layout of packages that are unpacked. */
function mirrorPlace(part: ProgramsPart, source: string, architecture: Architecture) {
  const version = programPins[part].version.slice(1)
  return { folder: join(registry, source, version, `linux_${architecture}`), name: `${part}_v${version}` }
}
