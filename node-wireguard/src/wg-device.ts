import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import type { WireGuardDevice } from './device.ts'
import { appliedOf, difference } from './difference.ts'
import { encodeWgSet, type Word } from './wg-command.ts'
import { parseDump } from './wg-dump.ts'

/** What the `wg` program is run with. */
export interface WgDeviceOptions {
  readonly runner: CommandRunner
  readonly interfaceName: string
  /** Path or name of the program; `wg` unless told. */
  readonly program?: string
  /** Where secrets are written for the blink of an eye, readable by this user only, since wg takes them as files; /dev/shm (memory) unless told. */
  readonly secretDirectory?: string
}

/** A device that `wg` speaks to: the kernel's, or any that serves the userspace protocol. */
export function createWgDevice(options: WgDeviceOptions): WireGuardDevice {
  const { runner, interfaceName, program = 'wg', secretDirectory = '/dev/shm' } = options
  const read = async () => {
    const result = await runner.run(program, ['show', interfaceName, 'dump'])
    if (result.code === 0) return parseDump(result.stdout)
    throw new Failure('NotFound', `wg cannot show ${interfaceName}: ${result.stderr.trim().slice(-500)}`, {
      remedy: 'see whether the interface exists and this process has the NET_ADMIN capability',
    })
  }
  return {
    read,
    apply: async (configuration) => {
      const operations = difference(await read(), configuration)
      if (operations.length > 0) {
        await withSecretFiles(secretDirectory, encodeWgSet(interfaceName, operations), (args) =>
          runOrThrow(runner, program, args),
        )
      }
      return appliedOf(operations)
    },
  }
}

/** Puts each secret in a file of its own, runs `work` with the paths in their place and removes the files whatever happens. */
async function withSecretFiles(
  parent: string,
  words: readonly Word[],
  work: (args: readonly string[]) => Promise<unknown>,
): Promise<void> {
  const directory = await mkdtemp(join(parent, 'wireguard-'))
  try {
    const args = await Promise.all(
      words.map(async (word, index) => {
        if (typeof word === 'string') return word
        const path = join(directory, String(index))
        await writeFile(path, `${word.secret}\n`, { mode: 0o600, flag: 'wx' })
        return path
      }),
    )
    await work(args)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
