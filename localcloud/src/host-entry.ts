import { accessSync, constants } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CommandRunner } from '@trellis/foundation/command'
import { Failure, InvariantError } from '@trellis/foundation/failure'
import type { Configuration } from './configuration.ts'
import { joinHost } from './host-link.ts'
import { namespacePath } from './host-network.ts'
import { namesOf } from './names.ts'

/** Whether this process is in the network namespace of that name. */
export async function isInside(namespace: string): Promise<boolean> {
  const [own, other] = await Promise.all([
    stat('/proc/self/ns/net'),
    stat(namespacePath(namespace)).catch(() => undefined),
  ])
  return other !== undefined && own.ino === other.ino && own.dev === other.dev
}

/**
 * Sets up the cloud's own namespace from the host's and begins this program anew inside of it, in the same process. Does nothing when the
 * process is inside already. The namespace of mounts stays the host's, so machines outlive the daemon.
 */
export async function enterCloud(
  runner: CommandRunner,
  configuration: Configuration,
  program: readonly string[],
): Promise<void> {
  const names = namesOf(configuration.instance)
  if (await isInside(names.coreNamespace)) return
  await joinHost(runner, names, configuration.publicRange)
  const words = [
    'nsenter',
    `--net=${namespacePath(names.coreNamespace)}`,
    process.execPath,
    ...process.execArgv,
    ...program,
  ]
  const nsenter = findProgram('nsenter', process.env.PATH ?? '')
  if (process.execve === undefined) throw new InvariantError('this runtime cannot replace its program')
  process.execve(nsenter, words, process.env)
}

/** The absolute path of a program; throws `NotFound` when no directory of `path` holds it. */
export function findProgram(name: string, path: string): string {
  for (const directory of path.split(':')) {
    try {
      accessSync(join(directory, name), constants.X_OK)
      return join(directory, name)
    } catch {
      // Not here: look on.
    }
  }
  throw new Failure('NotFound', `there is no program ${name}`, { remedy: `install ${name}` })
}
