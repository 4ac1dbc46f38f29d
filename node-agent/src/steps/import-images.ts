import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import type { AgentContext } from '../context.ts'
import { readImageNames } from '../oci-archive.ts'
import { containerdSocket } from '../render/containerd.ts'
import { clusterImages } from '../render/kubeadm.ts'
import type { Step } from '../runner.ts'

/** Where the machine image keeps its archives. */
export const archiveDirectory = '/opt/trellis/images'

const controlProgram = '/opt/trellis/bin/ctr'

/** Label by which the kubelet's image collection knows that an image must stay. */
const pinLabel = 'io.cri-containerd.pinned=pinned'

/** Gives containerd the images that came with the machine, as many at a time as there are cores. Images that it has already are passed over. */
export function importImages(context: AgentContext, after: readonly string[]): Step {
  const { configuration, disk, facts, log, runner } = context
  return {
    name: 'import-images',
    after,
    run: async (signal) => {
      const directory = disk.resolve(archiveDirectory)
      const present = new Set(lines(await control(runner, signal, 'images', 'ls', '-q')))
      const archives = selectArchives(await archivesIn(directory), configuration.images)
      await inParallel(archives, facts.cores, async (archive) => {
        const names = await readImageNames(join(directory, archive))
        if (names.length > 0 && names.every((name) => present.has(name))) return
        await control(runner, signal, 'images', 'import', '--local', join(directory, archive))
        for (const name of names) await control(runner, signal, 'images', 'label', name, pinLabel)
        for (const name of names) present.add(name)
        log.info({ archive, names }, 'imported images')
      })
      const missing = clusterImages(configuration).filter((image) => !present.has(image))
      if (missing.length > 0) log.warn({ missing }, 'the machine did not bring these images along: they must be pulled')
    },
  }
}

/** Archives to import, in order: those that the configuration asks for, the sandbox image's first, because every pod needs it. */
export function selectArchives(
  files: readonly string[],
  images: { readonly sandbox: string; readonly archives?: readonly string[] },
): readonly string[] {
  const all = files.filter((file) => file.endsWith('.tar')).sort()
  const wanted = (images.archives ?? ['*']).flatMap((pattern) => {
    const expression = new RegExp(`^${pattern.split('*').map(escapeExpression).join('.*')}\\.tar$`)
    return all.filter((file) => expression.test(file))
  })
  const sandboxName = images.sandbox.replace(/[:@].*$/, '').replace(/^.*\//, '')
  const sandbox = all.filter((file) => file.startsWith(sandboxName))
  return [...new Set([...sandbox, ...wanted])]
}

async function archivesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory)
  } catch {
    return []
  }
}

function control(runner: CommandRunner, signal: AbortSignal, ...args: string[]): Promise<string> {
  return runOrThrow(runner, controlProgram, ['--address', containerdSocket, '--namespace', 'k8s.io', ...args], {
    signal,
  })
}

async function inParallel<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const workers = Array.from({ length: Math.max(1, limit) }, async () => {
    for (const item of queue) await work(item)
  })
  await Promise.all(workers)
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '')
}

function escapeExpression(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
