import { access, readFile, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { CommandRunner } from '@trellis/foundation/command'
import { isFailure } from '@trellis/foundation/failure'
import type { HostView } from './check.ts'

/** The machine that this process runs on. */
export function createHostView(runner: CommandRunner): HostView {
  return {
    userId: process.getuid?.() ?? -1,
    platform: process.platform,
    readFile: (path) => readFile(path, 'utf8').catch(() => undefined),
    exists: (path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    freeBytes,
    run: async (program, args) => {
      try {
        const { code, stdout, stderr } = await runner.run(program, args)
        return { code, output: stdout + stderr }
      } catch (error) {
        if (isFailure(error, 'NotFound')) return undefined
        throw error
      }
    },
  }
}

async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch (error) {
    if (dirname(path) === path) throw error
    return freeBytes(dirname(path))
  }
}
