import { join } from 'node:path'
import type { CommandRunner } from '@trellis/foundation/command'
import { runOrThrow } from '@trellis/foundation/command'
import { type Installation, publicRange } from '../installation.ts'

/** The local cloud's own process, as a program that is started and stopped. */
export interface CloudDaemon {
  /** Starts the daemon and its supervisor unless they run, and returns when the API answers. */
  start(): Promise<void>
  /** Stops both; machines keep running. */
  stop(): Promise<void>
  /** Frees whatever the installation ever made on the host, also when its state is lost. */
  tearDown(): Promise<void>
}

/** Drives `localcloud` through its command line, since deployables never import each other. */
export function createCloudDaemon(runner: CommandRunner, installation: Installation): CloudDaemon {
  const main = join(installation.repositoryDirectory, 'localcloud', 'src', 'main.ts')
  const call = async (verb: string): Promise<void> => {
    await runOrThrow(runner, process.execPath, [
      main,
      verb,
      '--instance',
      installation.name,
      '--state',
      installation.stateDirectory,
      '--run',
      installation.runDirectory,
      '--public-range',
      publicRange(installation),
    ])
  }
  return { start: () => call('start'), stop: () => call('stop'), tearDown: () => call('teardown') }
}
