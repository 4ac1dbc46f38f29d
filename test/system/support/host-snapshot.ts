import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'

/** What an installation could leave behind on a host, as sorted lines of text. */
export type HostSnapshot = Readonly<
  Record<
    'namespaces' | 'links' | 'routes' | 'mounts' | 'firewall' | 'controlGroups' | 'processes' | 'files',
    readonly string[]
  >
>

/** Looks at the host for one installation. Numbers that change by themselves are left out; control groups, processes and files are those that bear its name. */
export async function takeHostSnapshot(runner: CommandRunner, name: string): Promise<HostSnapshot> {
  const lines = async (program: string, args: readonly string[]): Promise<readonly string[]> =>
    (await runOrThrow(runner, program, args))
      .split('\n')
      .filter((line) => line.trim() !== '')
      .sort()
  return {
    namespaces: (await lines('ip', ['netns', 'list'])).map((line) => line.replace(/ \(id: \d+\)/, '')),
    links: (await lines('ip', ['-oneline', 'link', 'show'])).map((line) => line.replace(/^\d+: /, '')),
    routes: await lines('ip', ['route', 'show', 'table', 'all']),
    mounts: (await readFile('/proc/mounts', 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .sort(),
    firewall: await lines('nft', ['list', 'ruleset']),
    controlGroups: await listControlGroups(name),
    processes: await listProcesses(name),
    files: (await readdir('/run')).filter((file) => file.includes(name)).sort(),
  }
}

/** What is in `after` that was not in `before`, and the other way round, as `+line` and `-line`; empty when nothing changed. */
export function compareSnapshots(before: HostSnapshot, after: HostSnapshot): readonly string[] {
  return (Object.keys(before) as (keyof HostSnapshot)[]).flatMap((part) => [
    ...after[part].filter((line) => !before[part].includes(line)).map((line) => `${part}: +${line}`),
    ...before[part].filter((line) => !after[part].includes(line)).map((line) => `${part}: -${line}`),
  ])
}

/** Groups of the installation are below a group with its name, in whatever hierarchy. */
async function listControlGroups(name: string): Promise<readonly string[]> {
  const entries = await readdir('/sys/fs/cgroup', { withFileTypes: true, recursive: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path.split('/').includes(name))
    .sort()
}

async function listProcesses(name: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))
  const commands = await Promise.all(
    pids.map((pid) =>
      readFile(`/proc/${pid}/cmdline`, 'utf8').then(
        (text) => ({ pid, text }),
        () => undefined,
      ),
    ),
  )
  return commands
    .filter((one) => one !== undefined)
    .filter(({ pid, text }) => Number(pid) !== process.pid && text.split('\0').includes(`--instance=${name}`))
    .map(({ text }) => text.replaceAll('\0', ' '))
    .sort()
}
