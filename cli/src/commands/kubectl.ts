import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { firstShoot } from '../garden/garden.ts'
import { type Installation, paths } from '../installation.ts'
import { readStored, readText } from '../store.ts'

/** Which cluster a command is about. The garden and the seed are one cluster here. */
export type Target =
  | { readonly kind: 'garden' }
  | { readonly kind: 'seed' }
  | { readonly kind: 'shoot'; readonly name: string }

/** Takes `--garden`, `--seed` or `--shoot NAME` off the front of the arguments; the first shoot when there is none of them. */
export function splitTarget(args: readonly string[]): { readonly target: Target; readonly rest: readonly string[] } {
  const [first, second] = args
  if (first === '--garden') return { target: { kind: 'garden' }, rest: args.slice(1) }
  if (first === '--seed') return { target: { kind: 'seed' }, rest: args.slice(1) }
  if (first === '--shoot') {
    if (second === undefined)
      throw new Failure('Invalid', 'names no shoot', { field: '--shoot', remedy: 'give a name, as in --shoot first' })
    return { target: { kind: 'shoot', name: second }, rest: args.slice(2) }
  }
  return { target: { kind: 'shoot', name: firstShoot.name }, rest: args }
}

/** Path of the kubeconfig for a target; throws `NotFound` when that cluster is not there yet. */
export async function kubeconfigPath(installation: Installation, target: Target): Promise<string> {
  const files = paths(installation)
  const path = target.kind === 'shoot' ? files.shootKubeconfig(target.name) : files.gardenKubeconfig
  if ((await readText(path)) === undefined) {
    const what = target.kind === 'shoot' ? `the shoot ${target.name}` : `the ${target.kind}`
    throw new Failure('NotFound', `there is no kubeconfig of ${what}`, {
      remedy: 'run "trellis up" first; "trellis status" shows how far it got',
    })
  }
  return path
}

/** Directory of kubectl, helm and the other programs; throws `NotFound` before the first `trellis up`. */
export async function programsDirectory(installation: Installation): Promise<string> {
  const parser = createParser(Type.Object({ programs: Type.String() }), 'parts')
  const stored = await readStored(paths(installation).parts, parser.parse)
  if (stored === undefined)
    throw new Failure('NotFound', 'the parts are not there yet', { remedy: 'run "trellis up" first' })
  return stored.programs
}

/** Hands the terminal over to kubectl with the right kubeconfig; resolves with its exit code. */
export async function runKubectl(installation: Installation, args: readonly string[]): Promise<number> {
  const { target, rest } = splitTarget(args)
  const kubeconfig = await kubeconfigPath(installation, target)
  const kubectl = join(await programsDirectory(installation), 'kubectl')
  return new Promise((resolve, reject) => {
    const child = spawn(kubectl, rest, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: kubeconfig } })
    child.on('error', (cause) => reject(new Failure('Unavailable', `${kubectl} cannot be started`, { cause })))
    child.on('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
  })
}
