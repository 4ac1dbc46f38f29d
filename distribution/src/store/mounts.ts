import { readdir, readFile, readlink } from 'node:fs/promises'

/**
 * Everything that any process of this host has mounted, as the kernel words it. Parts that are layers of a running machine are
 * mentioned in it.
 */
export async function readMounts(): Promise<string> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const namespaces = new Map<string, string>()
  await Promise.all(
    pids.map(async (pid) => {
      const namespace = await readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined)
      if (namespace !== undefined) namespaces.set(namespace, pid)
    }),
  )
  const tables = [...namespaces.values()].map((pid) => readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => ''))
  return (await Promise.all(tables)).join('\n')
}
