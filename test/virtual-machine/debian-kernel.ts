import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runOrThrow } from '@trellis/foundation/command'
import { InvariantError } from '@trellis/foundation/failure'
import { type DebianProgramPorts, debianPackage } from '../debian-program.ts'

/** Debian's kernel, unpacked. */
export interface DebianKernel {
  readonly version: string
  readonly image: string
  /** The directory with a folder of modules for each version. */
  readonly modules: string
}

/** Gets the kernel that Debian's users run by default. `busybox` says which modules need which, which the package leaves to its installation. */
export async function debianKernel(ports: DebianProgramPorts, busybox: string): Promise<DebianKernel> {
  const directory = await debianPackage(ports, {
    name: 'linux-image',
    package: 'linux-image-amd64',
    finish: async (content) => {
      await removeDevices(join(await modulesIn(content), await versionIn(content), 'kernel'))
      await runOrThrow(ports.runner, busybox, ['depmod', '-b', content, await versionIn(content)])
    },
  })
  const version = await versionIn(directory)
  return { version, image: join(directory, 'boot', `vmlinuz-${version}`), modules: await modulesIn(directory) }
}

/** Four fifths of a kernel are drivers of devices that a virtual machine has not. */
async function removeDevices(modules: string): Promise<void> {
  const keep = async (directory: string, names: readonly string[]) => {
    for (const name of await readdir(directory))
      if (!names.includes(name)) await rm(join(directory, name), { recursive: true })
  }
  await keep(modules, ['arch', 'crypto', 'drivers', 'fs', 'lib', 'net'])
  await keep(join(modules, 'drivers'), ['char', 'net', 'virtio'])
}

async function versionIn(directory: string): Promise<string> {
  const versions = await readdir(await modulesIn(directory))
  const [version] = versions
  if (version === undefined || versions.length > 1)
    throw new InvariantError(`one kernel was asked for, not ${versions.length}`)
  return version
}

/** Debian 12 and those after it have them in different places. */
async function modulesIn(directory: string): Promise<string> {
  const [older, newer] = [join(directory, 'lib/modules'), join(directory, 'usr/lib/modules')]
  return (await readdir(older).catch(() => undefined)) === undefined ? newer : older
}

/** Paths below the version's folder of these modules and all that they need, what is needed first. Names are as `modprobe` takes them. */
export async function modulesWithNeeds(kernel: DebianKernel, names: readonly string[]): Promise<readonly string[]> {
  // Each line is `module: what it needs`, as modules.dep(5) says.
  const listing = await readFile(join(kernel.modules, kernel.version, 'modules.dep'), 'utf8')
  const needs = new Map<string, readonly string[]>()
  for (const line of listing.split('\n')) {
    const [path, needed = ''] = line.split(':')
    if (path) needs.set(path, needed.split(' ').filter(Boolean))
  }
  const nameOf = (path: string) => (path.split('/').at(-1) ?? '').replace(/\.ko(\.[a-z]+)?$/, '').replaceAll('-', '_')
  const found = new Set<string>()
  const take = (path: string) => {
    for (const needed of needs.get(path) ?? []) take(needed)
    found.add(path)
  }
  for (const name of names) {
    const path = [...needs.keys()].find((one) => nameOf(one) === name)
    if (path === undefined) throw new InvariantError(`the kernel has no module ${name}`)
    take(path)
  }
  return [...found]
}
