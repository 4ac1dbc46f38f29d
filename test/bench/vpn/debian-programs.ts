import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { keyOf } from '@trellis/distribution/store/cache'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import type { BenchContext } from './context.ts'

/** A program that a Debian package brings, and what it needs to start from where it lies. */
export interface DebianProgram {
  readonly program: string
  readonly environment: Readonly<Record<string, string>>
}

/** Raised when what is done with a package changes. */
const revision = '1'

/**
 * OpenVPN: the host's own, else Debian's with the libraries that the host lacks, unpacked in the cache without installing anything. apt checks what it fetches against the
 * signed lists. Throws `Unavailable` with the remedy when it cannot be had.
 */
export async function openVpnProgram(context: BenchContext): Promise<DebianProgram> {
  const { cache, runner, signal, tell } = context
  const installed = await runner.run('sh', ['-c', 'command -v openvpn'])
  if (installed.code === 0) return { program: installed.stdout.trim(), environment: {} }
  try {
    const key = keyOf('openvpn', [revision, await candidate(runner, 'openvpn')])
    const entry = await cache.obtain(
      'openvpn',
      key,
      async (content, scratch) => {
        tell('openvpn downloading')
        await unpack(runner, 'openvpn', content, scratch)
        return 'download'
      },
      signal,
    )
    const libraries = (
      await Promise.all(['usr/lib', 'lib'].map((path) => libraryFolders(entry.directory, path)))
    ).flat()
    return {
      program: join(entry.directory, 'usr/sbin/openvpn'),
      environment: { LD_LIBRARY_PATH: libraries.join(':') },
    }
  } catch (cause) {
    throw new Failure('Unavailable', 'OpenVPN cannot be had', { cause, remedy: 'apt-get install openvpn' })
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

async function unpack(runner: CommandRunner, name: string, content: string, scratch: string): Promise<void> {
  await mkdir(join(scratch, 'partial'))
  const download = [
    ...['-o', `Dir::Cache::archives=${scratch}`, '-o', 'Debug::NoLocking=true', '--yes'],
    ...['--no-install-recommends', '--download-only', 'install', name],
  ]
  const environment = { DEBIAN_FRONTEND: 'noninteractive' }
  if ((await runner.run('apt-get', download, { environment })).code !== 0) {
    // What old lists name may be gone by now.
    await runOrThrow(runner, 'apt-get', ['update'], { environment })
    await runOrThrow(runner, 'apt-get', download, { environment })
  }
  for (const file of await readdir(scratch)) {
    if (file.endsWith('.deb')) await runOrThrow(runner, 'dpkg', ['--extract', join(scratch, file), content])
  }
}

/** Folders of libraries that packages have brought, by the name of an architecture. */
async function libraryFolders(directory: string, path: string): Promise<readonly string[]> {
  const names = await readdir(join(directory, path)).catch(() => [])
  return names.filter((name) => name.endsWith('-linux-gnu')).map((name) => join(directory, path, name))
}
