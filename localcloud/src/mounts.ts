import { readFile } from 'node:fs/promises'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'

/** The mount points of this process, in the order they were mounted. */
export async function mountPoints(): Promise<readonly string[]> {
  return parseMounts(await readFile('/proc/self/mountinfo', 'utf8')).map((mount) => mount.point)
}

/** One mount. `source` is the name that it was mounted under. */
export interface MountEntry {
  readonly point: string
  readonly type: string
  readonly source: string
}

/** Reads `/proc/<pid>/mountinfo`, in the order of mounting. */
export function parseMounts(text: string): readonly MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const point = before.split(' ')[4]
    const [type = '', source = ''] = after.split(' ')
    return point === undefined ? [] : [{ point: decodeOctal(point), type, source: decodeOctal(source) }]
  })
}

function decodeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** The mount points at `path` and below it, the last mounted first: in this order they can be unmounted. */
export function mountsBelow(points: readonly string[], path: string): readonly string[] {
  return points.filter((point) => point === path || point.startsWith(`${path}/`)).reverse()
}

/** Unmounts everything at `path` and below. What is still busy is detached and goes when its last user does. Harmless when nothing is mounted. */
export async function unmountBelow(runner: CommandRunner, path: string): Promise<void> {
  for (const point of mountsBelow(await mountPoints(), path)) {
    const result = await runner.run('umount', [point])
    if (result.code !== 0) await runOrThrow(runner, 'umount', ['--lazy', point])
  }
}

/** Mounts a directory on itself, hidden from other mount namespaces, so that what is mounted below it never spreads. Repeats are harmless. */
export async function makePrivateMount(runner: CommandRunner, path: string): Promise<void> {
  if (!(await mountPoints()).includes(path)) await runOrThrow(runner, 'mount', ['--bind', path, path])
  await runOrThrow(runner, 'mount', ['--make-private', path])
}

/** Deletes a directory with everything in it, but never across a mount. */
export async function removeTree(runner: CommandRunner, path: string): Promise<void> {
  await unmountBelow(runner, path)
  await runOrThrow(runner, 'rm', ['-rf', '--one-file-system', '--', path])
}
