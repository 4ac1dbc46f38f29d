import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CommandRunner } from '@trellis/foundation/command'
import type { WireGuardDevice } from './device.ts'
import { appliedOf, difference } from './difference.ts'
import { encodeWgSet, type Word } from './wg-command.ts'
import { parseDump } from './wg-dump.ts'
import { refusalOfWg } from './wg-refusal.ts'

/** What the `wg` program is run with. */
export interface WgDeviceOptions {
  readonly runner: CommandRunner
  readonly interfaceName: string
  /** Path or name of the program; `wg` unless told. */
  readonly program?: string
  /** Where secrets are written for the blink of an eye, readable by this user only, since wg takes them as files; /dev/shm (memory) unless told. */
  readonly secretDirectory?: string
}

/** A device that `wg` speaks to: the kernel's, or any that serves the userspace protocol. What wg refuses is thrown as a failure whose kind says why ({@link refusalOfWg}). */
export function createWgDevice(options: WgDeviceOptions): WireGuardDevice {
  const { runner, interfaceName, program = 'wg', secretDirectory = '/dev/shm' } = options
  const read = async () => {
    const result = await runner.run(program, ['show', interfaceName, 'dump'])
    if (result.code === 0) return parseDump(result.stdout)
    throw await refusalOfWg({ runner, interfaceName, said: result.stderr })
  }
  return {
    read,
    apply: async (configuration) => {
      const operations = difference(await read(), configuration)
      if (operations.length > 0) {
        await withSecretFiles(secretDirectory, encodeWgSet(interfaceName, operations), async (args) => {
          const { code, stderr } = await runner.run(program, args)
          if (code !== 0) throw await refusalOfWg({ runner, interfaceName, said: stderr })
        })
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
