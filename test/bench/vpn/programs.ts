import { join } from 'node:path'
import { bundleDeployable, type Deployable, entryOf } from '@trellis/distribution/bundle'
import { imageDefinitions } from '@trellis/distribution/recipes/image-contents'
import { Failure } from '@trellis/foundation/failure'
import type { BenchContext } from './context.ts'
import type { ProgramStart } from './running-program.ts'

/** The root of the repository. */
export const repositoryDirectory = join(import.meta.dirname, '../../..')

/** Path of wireguard-go: the one that the environment names, else the distribution's, which gets it first. */
export async function wireGuardGo(context: BenchContext): Promise<string> {
  const told = process.env.TRELLIS_WIREGUARD_GO
  if (told !== undefined && told !== '') return told
  return join(await partDirectory(context, 'wireguard-go'), 'bin/wireguard-go')
}

/** Path of wireguard-go as its makers publish it: the one that the environment names, else the distribution's, which builds it first. */
export async function upstreamWireGuardGo(context: BenchContext): Promise<string> {
  const told = process.env.TRELLIS_WIREGUARD_GO_UPSTREAM
  if (told !== undefined && told !== '') return told
  return join(await partDirectory(context, 'wireguard-go-upstream'), 'bin/wireguard-go')
}

/** Path of wireguard-relay: the one that the environment names, else the distribution's, which builds it first. */
export async function relayProgram(context: BenchContext): Promise<string> {
  const told = process.env.TRELLIS_WIREGUARD_RELAY
  if (told !== undefined && told !== '') return told
  return join(await partDirectory(context, 'wireguard-relay'), 'bin/wireguard-relay')
}

/** The directory of a part of the distribution, made first when it is not there. */
export async function partDirectory({ ensureParts }: BenchContext, part: string): Promise<string> {
  const directory = (await ensureParts([part]))[part]
  if (directory !== undefined) return directory
  throw new Failure('NotFound', `the distribution has no part ${part}`)
}

/** Bundles one of our tunnel's programs and says how its image starts it; the configuration's flag comes after. */
export async function bundleTunnelProgram(
  directory: string,
  deployable: Extract<Deployable, 'vpn-seed' | 'vpn-shoot' | 'front-door'>,
): Promise<Required<Pick<ProgramStart, 'program' | 'args' | 'environment'>>> {
  const script = join(directory, `${deployable}.mjs`)
  await bundleDeployable(repositoryDirectory, await entryOf(repositoryDirectory, deployable), script)
  const { entrypoint = [], environment = [] } = imageDefinitions[deployable]
  return {
    program: process.execPath,
    // The image's own path of Node stands first and that of its script last.
    args: [...entrypoint.slice(1, -1), script],
    environment: Object.fromEntries(environment.map(splitVariable)),
  }
}

function splitVariable(text: string): readonly [string, string] {
  const end = text.indexOf('=')
  return [text.slice(0, end), text.slice(end + 1)]
}
