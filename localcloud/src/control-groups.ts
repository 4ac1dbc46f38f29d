import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { isAbsent } from './files.ts'
import { signalProcess, waitUntil } from './processes.ts'

/** Where cgroup hierarchies are mounted by convention. */
export const controlGroupRoot = '/sys/fs/cgroup'

/** Longest time that killed processes may take to disappear. */
const deathDeadlineMilliseconds = 20_000

/** Kills every process in the control group and below, in every hierarchy, and removes the groups. Harmless when there are none. */
export async function destroyControlGroup(clock: Clock, path: string, root: string = controlGroupRoot): Promise<void> {
  const groups = (await hierarchies(root)).map((hierarchy) => join(hierarchy, path))
  await waitUntil(clock, `the end of all processes in control group ${path}`, deathDeadlineMilliseconds, async () => {
    const members = await membersOf(groups)
    for (const pid of members) signalProcess(pid, 'SIGKILL')
    return members.length === 0
  })
  await waitUntil(clock, `the removal of control group ${path}`, deathDeadlineMilliseconds, async () => {
    const removed = await Promise.all(groups.map(removeGroup))
    return removed.every((done) => done)
  })
}

/** The roots of all hierarchies: one on version 2; one per controller, and perhaps the unified one, on version 1. */
export async function hierarchies(root: string = controlGroupRoot): Promise<readonly string[]> {
  if ((await readdir(root)).includes('cgroup.procs')) return [root]
  const entries = await readdir(root, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name))
}

/** A group and all groups below it, the innermost first: in this order they can be removed. Empty when there is no such group. */
export async function groupsBelow(group: string): Promise<readonly string[]> {
  const entries = await readdir(group, { withFileTypes: true }).catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw error
  })
  if (entries === undefined) return []
  const inner: string[] = []
  for (const entry of entries) if (entry.isDirectory()) inner.push(...(await groupsBelow(join(group, entry.name))))
  return [...inner, group]
}

async function membersOf(groups: readonly string[]): Promise<readonly number[]> {
  const members = new Set<number>()
  for (const group of groups) {
    for (const inner of await groupsBelow(group)) {
      await thaw(inner)
      const text = await readFile(join(inner, 'cgroup.procs'), 'utf8').catch(() => '')
      for (const line of text.split('\n')) if (line !== '' && line !== '0') members.add(Number(line))
    }
  }
  return [...members]
}

/** A frozen process does not die before it is thawed. */
async function thaw(group: string): Promise<void> {
  const file = join(group, 'freezer.state')
  const state = await readFile(file, 'utf8').catch(() => undefined)
  if (state !== undefined && !state.startsWith('THAWED')) await writeFile(file, 'THAWED').catch(() => {})
}

/** Whether the group is gone: the kernel may refuse for a moment after its last process has ended. */
async function removeGroup(group: string): Promise<boolean> {
  try {
    for (const inner of await groupsBelow(group)) await rmdir(inner)
    return true
  } catch (error) {
    if (isAbsent(error)) return true
    if (['EBUSY', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}
