import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cache } from '@trellis/distribution/store/cache'
import { keyOf } from '@trellis/distribution/store/cache'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'

/** What getting a program needs. */
export interface DebianProgramPorts {
  readonly cache: Cache
  readonly runner: CommandRunner
  readonly signal: AbortSignal
  /** Tells people what is being fetched. */
  readonly tell: (text: string) => void
}

/** Which package is wanted. */
export interface DebianPackageWish {
  /** What it is called in the cache. */
  readonly name: string
  readonly package: string
  /** Whether nothing is wanted of the packages that it depends on. */
  readonly alone?: boolean
  /** Makes of the unpacked files what is kept. */
  readonly finish?: (directory: string) => Promise<void>
}

/** Which program is wanted; its name is that by which the host has it already. */
export interface DebianProgramWish extends DebianPackageWish {
  /** Where the package has it, as in `usr/sbin/openvpn`. */
  readonly path: string
}

/** A program that a Debian package brings, and what it needs to start from where it lies. */
export interface DebianProgram {
  readonly program: string
  readonly environment: Readonly<Record<string, string>>
}

/** Raised when what is done with a package changes. */
const revision = '1'

/**
 * A program that tests run: the host's own, else Debian's with the libraries that the host lacks, unpacked in the cache without installing anything. apt checks what it fetches against the
 * signed lists. Throws `Unavailable` with the remedy when it cannot be had.
 */
export async function debianProgram(ports: DebianProgramPorts, wish: DebianProgramWish): Promise<DebianProgram> {
  const installed = await ports.runner.run('sh', ['-c', 'command -v "$1"', 'sh', wish.name])
  if (installed.code === 0) return { program: installed.stdout.trim(), environment: {} }
  const directory = await debianPackage(ports, wish)
  const libraries = (await Promise.all(['usr/lib', 'lib'].map((path) => libraryFolders(directory, path)))).flat()
  return { program: join(directory, wish.path), environment: { LD_LIBRARY_PATH: libraries.join(':') } }
}

/** Directory in the cache with the files of a package and of those that it depends on, as far as the host lacks them. Throws `Unavailable` with the remedy when they cannot be had. */
export async function debianPackage(ports: DebianProgramPorts, wish: DebianPackageWish): Promise<string> {
  const { cache, runner, signal, tell } = ports
  const { name } = wish
  try {
    const key = keyOf(name, [revision, await candidate(runner, wish.package)])
    const make = async (content: string, scratch: string) => {
      tell(`${name} downloading`)
      await unpack(runner, wish, content, scratch)
      await wish.finish?.(content)
      return 'download' as const
    }
    return (await cache.obtain(name, key, make, signal)).directory
  } catch (cause) {
    throw new Failure('Unavailable', `${name} cannot be had`, { cause, remedy: `apt-get install ${wish.package}` })
  }
}

/** Name, version and architecture of the package that apt would take; the lists are fetched only when they name none. */
async function candidate(runner: CommandRunner, name: string): Promise<string> {
  const show = () => runner.run('apt-cache', ['--no-all-versions', 'show', name])
  let shown = await show()
  if (shown.code !== 0) {
    await runOrThrow(runner, 'apt-get', ['update'])
    shown = await show()
  }
  // The whole description, with the digest of the package in it.
  return shown.stdout
}

async function unpack(runner: CommandRunner, wish: DebianPackageWish, content: string, scratch: string): Promise<void> {
  await mkdir(join(scratch, 'partial'))
  const download = wish.alone ? ['download', wish.package] : withDependencies(wish.package, scratch)
  const options = { environment: { DEBIAN_FRONTEND: 'noninteractive' }, directory: scratch }
  if ((await runner.run('apt-get', download, options)).code !== 0) {
    // What old lists name may be gone by now.
    await runOrThrow(runner, 'apt-get', ['update'], options)
    await runOrThrow(runner, 'apt-get', download, options)
  }
  for (const file of await readdir(scratch)) {
    if (file.endsWith('.deb')) await runOrThrow(runner, 'dpkg', ['--extract', join(scratch, file), content])
  }
}

function withDependencies(name: string, scratch: string): readonly string[] {
  return [
    ...['-o', `Dir::Cache::archives=${scratch}`, '-o', 'Debug::NoLocking=true', '--yes'],
    ...['--no-install-recommends', '--download-only', 'install', name],
  ]
}

/** Folders of libraries that packages have brought, by the name of an architecture. */
async function libraryFolders(directory: string, path: string): Promise<readonly string[]> {
  const names = await readdir(join(directory, path)).catch(() => [])
  return names.filter((name) => name.endsWith('-linux-gnu')).map((name) => join(directory, path, name))
}
