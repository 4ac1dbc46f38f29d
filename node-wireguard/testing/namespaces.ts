import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type CommandRunner, createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import type { ReadSetting } from '../src/host/snapshot.ts'

/** A network namespace of a test's own. */
export interface Namespace {
  readonly name: string
  /** Runs a program inside and returns its output; throws when it fails. */
  run(program: string, ...args: readonly string[]): Promise<string>
  /** Feeds text to a program inside. */
  feed(input: string, program: string, ...args: readonly string[]): Promise<string>
  /** Starts a program inside that ends with the laboratory at the latest. */
  start(program: string, args: readonly string[], options?: { readonly confined?: boolean }): ChildProcess
}

/** Namespaces and the processes in them, all of which go when it is disposed of. */
export interface Laboratory extends AsyncDisposable {
  /** Six characters that no other laboratory on this machine has: for names of interfaces and files. */
  readonly id: string
  namespace(label: string): Promise<Namespace>
  /** Joins two namespaces by a cable: an interface with an address at each end. */
  cable(a: CableEnd, b: CableEnd): Promise<void>
  /** Has this ended first of all, before the namespaces that it works in go. */
  endLater(resource: AsyncDisposable): void
  /** Has this path removed in the end. */
  removeLater(path: string): void
}

/** One end of a cable. */
export interface CableEnd {
  readonly in: Namespace
  readonly interfaceName: string
  /** With prefix, as in `10.0.0.1/24`. */
  readonly address: string
}

/**
 * What a container runtime gives an unprivileged container whose only added capability is NET_ADMIN: no other capability, and /proc/sys that
 * cannot be written.
 */
const confinement =
  'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec setpriv --bounding-set -all,+net_admin --inh-caps -all "$@"'

/** Opens a laboratory. Needs root. */
export function openLaboratory(): Laboratory {
  const runner = createCommandRunner()
  const id = randomBytes(3).toString('hex')
  const names: string[] = []
  const children = new Set<ChildProcess>()
  const paths: string[] = []
  const resources = new AsyncDisposableStack()

  function start(name: string, program: string, args: readonly string[], confined: boolean): ChildProcess {
    const wrapped = confined ? ['unshare', '--mount', 'sh', '-c', confinement, 'sh', program] : [program]
    const child = spawn('ip', ['netns', 'exec', name, ...wrapped, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    children.add(child)
    child.on('exit', () => children.delete(child))
    return child
  }

  return {
    id,
    namespace: async (label) => {
      const name = `wg-${id}-${label}`
      await runOrThrow(runner, 'ip', ['netns', 'add', name])
      names.push(name)
      const namespace = namespaceOf(runner, name, start)
      await namespace.run('ip', 'link', 'set', 'dev', 'lo', 'up')
      return namespace
    },
    cable: async (a, b) => {
      await runOrThrow(runner, 'ip', [
        ...['-n', a.in.name, 'link', 'add', a.interfaceName, 'type', 'veth'],
        ...['peer', 'name', b.interfaceName, 'netns', b.in.name],
      ])
      for (const end of [a, b]) {
        await end.in.run('ip', 'address', 'add', end.address, 'dev', end.interfaceName)
        await end.in.run('ip', 'link', 'set', 'dev', end.interfaceName, 'up')
      }
    },
    endLater: (resource) => void resources.use(resource),
    removeLater: (path) => paths.push(path),
    [Symbol.asyncDispose]: async () => {
      await resources.disposeAsync()
      await Promise.all([...children].map(end))
      for (const name of names) {
        // Whatever a killed process left behind lives in the namespace still.
        const left = await runner.run('ip', ['netns', 'pids', name])
        for (const pid of left.stdout.split('\n').filter((line) => line !== '')) killQuietly(Number(pid))
        await runner.run('ip', ['netns', 'delete', name])
      }
      await runner.run('rm', ['-rf', ...paths])
    },
  }
}

function namespaceOf(
  runner: CommandRunner,
  name: string,
  start: (name: string, program: string, args: readonly string[], confined: boolean) => ChildProcess,
): Namespace {
  const inside = (program: string, args: readonly string[]) => ['netns', 'exec', name, program, ...args]
  return {
    name,
    run: (program, ...args) => runOrThrow(runner, 'ip', inside(program, args)),
    feed: (input, program, ...args) => runOrThrow(runner, 'ip', inside(program, args), { input }),
    start: (program, args, options = {}) => start(name, program, args, options.confined ?? false),
  }
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile.
  }
}

/** Runs everything inside a namespace. */
export function runnerIn(namespace: Namespace): CommandRunner {
  const runner = createCommandRunner()
  return {
    run: (program, args, options) => runner.run('ip', ['netns', 'exec', namespace.name, program, ...args], options),
  }
}

/** Reads settings below /proc/sys inside a namespace. */
export function settingsIn(namespace: Namespace): ReadSetting {
  const runner = runnerIn(namespace)
  return async (path) => {
    const { code, stdout } = await runner.run('cat', [`/proc/sys/${path}`])
    return code === 0 ? stdout.trim() : undefined
  }
}
