import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'

/** What an installation could leave behind on a host, as sorted lines of text. */
export type HostSnapshot = Readonly<
  Record<'namespaces' | 'links' | 'routes' | 'mounts' | 'firewall' | 'controlGroups', readonly string[]>
>

/** Looks at the host. Counters and numbers that change by themselves are left out. */
export async function takeHostSnapshot(runner: CommandRunner): Promise<HostSnapshot> {
  const lines = async (program: string, args: readonly string[]): Promise<readonly string[]> =>
    (await runOrThrow(runner, program, args))
      .split('\n')
      .filter((line) => line.trim() !== '')
      .sort()
  return {
    namespaces: (await lines('ip', ['netns', 'list'])).map((line) => line.replace(/ \(id: \d+\)/, '')),
    links: (await lines('ip', ['-oneline', 'link', 'show'])).map((line) => line.replace(/^\d+: /, '')),
    routes: await lines('ip', ['route', 'show', 'table', 'all']),
    mounts: await readMounts(),
    firewall: await lines('nft', ['list', 'ruleset']),
    controlGroups: await listControlGroups('/sys/fs/cgroup'),
  }
}

/** What is in `after` that was not in `before`, and the other way round, as `+line` and `-line`; empty when nothing changed. */
export function compareSnapshots(before: HostSnapshot, after: HostSnapshot): readonly string[] {
  return (Object.keys(before) as (keyof HostSnapshot)[]).flatMap((part) => [
    ...after[part].filter((line) => !before[part].includes(line)).map((line) => `${part}: +${line}`),
    ...before[part].filter((line) => !after[part].includes(line)).map((line) => `${part}: -${line}`),
  ])
}

async function readMounts(): Promise<readonly string[]> {
  const text = await readFile('/proc/mounts', 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort()
}

async function listControlGroups(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
