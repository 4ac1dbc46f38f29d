import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { secrets } from '@trellis/api/core/configuration'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { createClient } from '@trellis/kubernetes/client'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { Type } from 'typebox'
import { firstShoot, garden } from '../garden/garden.ts'
import { type Installation, paths } from '../installation.ts'
import { readStored, readText, writeWhole } from '../store.ts'
import type { CommandContext } from './context.ts'

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

/**
 * Path of the kubeconfig for a target. That of a shoot is asked from the garden each time, because a shoot may have been made anew under
 * the same name; while the garden does not answer, the last one serves.
 * Throws `NotFound` when there is no such cluster, or not yet.
 */
export async function kubeconfigPath(
  installation: Installation,
  target: Target,
  askGarden: (shoot: string) => Promise<string | undefined>,
): Promise<string> {
  const files = paths(installation)
  if ((await readText(files.gardenKubeconfig)) === undefined) {
    throw new Failure('NotFound', 'there is no garden yet', {
      remedy: 'run "trellis up" first; "trellis status" shows how far it got',
    })
  }
  if (target.kind !== 'shoot') return files.gardenKubeconfig
  const path = files.shootKubeconfig(target.name)
  const stored = await readText(path)
  const text = await askGarden(target.name).catch((error: unknown) => {
    if (stored !== undefined && isFailure(error, 'Unavailable')) return stored
    throw error
  })
  if (text === undefined) {
    throw new Failure('NotFound', `the garden has no kubeconfig of a shoot ${target.name}`, {
      remedy: '"trellis kubectl --garden get shoots -A" shows which shoots there are and how far they are',
    })
  }
  if (text !== stored) await writeWhole(path, text)
  return path
}

/** Asks the garden for the kubeconfig of a shoot of the local project; undefined when it has none. */
export async function askGardenForKubeconfig(
  installation: Installation,
  clock: Clock,
  shoot: string,
): Promise<string | undefined> {
  using client = createClient({
    clock,
    kubeconfig: await loadKubeconfig({ file: paths(installation).gardenKubeconfig }),
    userAgent: 'trellis-cli',
  })
  const secret = await client.find(secrets, { namespace: garden.projectNamespace, name: `${shoot}.kubeconfig` })
  const text = secret?.data?.kubeconfig
  return text === undefined ? undefined : Buffer.from(text, 'base64').toString()
}

/** Directory of kubectl, helm and the other programs; throws `NotFound` before the first `trellis up`. */
export async function programsDirectory(installation: Installation): Promise<string> {
  const parser = createParser(Type.Object({ programs: Type.String() }), 'parts')
  const stored = await readStored(paths(installation).parts, parser.parse)
  if (stored === undefined)
    throw new Failure('NotFound', 'the parts are not there yet', { remedy: 'run "trellis up" first' })
  return stored.programs
}

/** A search path on which kubectl finds our plugins, and they find kubectl. */
export function pluginPath(programs: string, path: string | undefined): string {
  const plugins = fileURLToPath(new URL('../../../kubectl-trellis/bin', import.meta.url))
  return [plugins, programs, ...(path === undefined ? [] : [path])].join(delimiter)
}

/** Hands the terminal over to kubectl with the right kubeconfig; resolves with its exit code. Who asks this process to stop ends kubectl with it. */
export async function runKubectl(context: CommandContext, args: readonly string[]): Promise<number> {
  const { installation, clock, signal } = context
  const { target, rest } = splitTarget(args)
  const kubeconfig = await kubeconfigPath(installation, target, (shoot) =>
    askGardenForKubeconfig(installation, clock, shoot),
  )
  const programs = await programsDirectory(installation)
  const kubectl = join(programs, 'kubectl')
  const env = { ...process.env, KUBECONFIG: kubeconfig, PATH: pluginPath(programs, process.env.PATH) }
  return runInForeground(kubectl, rest, { env, signal })
}

/** Runs a program with this process's terminal to its end; resolves with its exit code, 128 and the signal's number when one ended it. Ends it when `signal` aborts: a terminal's own interrupt reaches both. */
export function runInForeground(
  program: string,
  args: readonly string[],
  { env, signal }: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env })
    const end = (): void => void child.kill('SIGTERM')
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    child.on('error', (cause) => reject(new Failure('Unavailable', `${program} cannot be started`, { cause })))
    child.on('close', (code, endedBy) => {
      signal.removeEventListener('abort', end)
      resolve(code ?? 128 + (endedBy === null ? 0 : constants.signals[endedBy]))
    })
  })
}
