import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { type DebianKernel, modulesWithNeeds } from './debian-kernel.ts'

/** What is loaded before the host's files can be seen. */
const firstModules = ['virtio_pci', '9pnet_virtio', '9p', 'overlay', 'virtio_rng']
const mountPoints = ['proc', 'sys', 'dev', 'host', 'result', 'memory', 'bin']

/** Packs the files with which the machine begins into `archive`; `scratch` is an empty directory. */
export async function packInitialFiles(
  runner: CommandRunner,
  { kernel, busybox, archive, scratch }: InitialFilesOptions,
): Promise<void> {
  for (const directory of mountPoints) await mkdir(join(scratch, directory), { recursive: true })
  await cp(busybox, join(scratch, 'bin/busybox'))
  await symlink('busybox', join(scratch, 'bin/sh'))
  await cp(fileURLToPath(new URL('./init.sh', import.meta.url)), join(scratch, 'init'), { mode: 0 })
  await writeFile(join(scratch, 'modules-directory'), kernel.modules)
  const [from, to] = [join(kernel.modules, kernel.version), join(scratch, 'lib/modules', kernel.version)]
  for (const path of ['modules.dep', ...(await modulesWithNeeds(kernel, firstModules))]) {
    await mkdir(dirname(join(to, path)), { recursive: true })
    await cp(join(from, path), join(to, path))
  }
  await runOrThrow(runner, 'sh', ['-c', 'chmod 0755 init && find . | "$0" cpio -o -H newc >"$1"', busybox, archive], {
    directory: scratch,
  })
}

/** What goes into the files, and where to. */
export interface InitialFilesOptions {
  readonly kernel: DebianKernel
  /** Path of a busybox that needs no libraries. */
  readonly busybox: string
  readonly archive: string
  readonly scratch: string
}
