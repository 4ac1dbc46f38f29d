import { chmod, readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { type Architecture, goToolchainPin } from '../pins.ts'
import type { Downloader } from './download.ts'
import { ensureHostPackages } from './host-packages.ts'

/** A Go toolchain that can build the parts. */
export interface GoToolchain {
  /** The `go` program. */
  readonly program: string
  readonly version: string
}

/** Places where a Go toolchain commonly lies although it is not in PATH. */
const usualDirectories = ['/usr/local/go/bin', '/usr/lib/go/bin']

/** The host's Go toolchain when it is new enough. */
export async function findGo(
  runner: CommandRunner,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<GoToolchain | undefined> {
  const directories = [...(environment.PATH ?? '').split(delimiter).filter((one) => one !== ''), ...usualDirectories]
  for (const directory of directories) {
    const program = join(directory, 'go')
    const version = await versionOf(runner, program)
    if (version !== undefined && isNewEnough(version)) return { program, version }
  }
  return undefined
}

async function versionOf(runner: CommandRunner, program: string): Promise<string | undefined> {
  try {
    const result = await runner.run(program, ['version'], { environment: { GOTOOLCHAIN: 'local' } })
    return /\bgo\d+\.\d+(\.\d+|rc\d+)?\b/.exec(result.code === 0 ? result.stdout.replace('go version ', '') : '')?.[0]
  } catch (error) {
    if (isFailure(error)) return undefined
    throw error
  }
}

/** Whether this version of Go builds the parts. */
export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version
    .slice(2)
    .split('.')
    .map((text) => Number.parseInt(text, 10))
  const [wantedMajor, wantedMinor] = goToolchainPin.minimum
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}

/** Puts the pinned toolchain into `directory`, from the Go module proxy, where Go toolchains are modules; checked against the pinned digest. */
export async function installGo(
  downloader: Downloader,
  runner: CommandRunner,
  options: {
    readonly architecture: Architecture
    readonly directory: string
    readonly scratch: string
    readonly proxy: string
    readonly signal: AbortSignal | undefined
  },
): Promise<void> {
  const module = `v0.0.1-${goToolchainPin.version}.linux-${options.architecture}`
  const archive = join(options.scratch, 'toolchain.zip')
  const url = `${options.proxy}/golang.org/toolchain/@v/${module}.zip`
  await downloader.fetchFile(url, goToolchainPin.zipDigests[options.architecture], archive, options.signal)
  await runOrThrow(runner, 'unzip', ['-q', archive, '-d', options.scratch])
  const unpacked = join(options.scratch, 'golang.org', `toolchain@${module}`)
  for (const programs of ['bin', join('pkg', 'tool', `linux_${options.architecture}`)]) {
    for (const name of await readdir(join(unpacked, programs))) await chmod(join(unpacked, programs, name), 0o755)
  }
  await runOrThrow(runner, 'cp', ['--archive', `${unpacked}/.`, options.directory])
}

/**
 * The Go module proxy that this host is set to: the first in `GOPROXY` that speaks HTTP or, without that, the one that Debian's Go, which is
 * installed for the purpose although it is too old to build anything here, takes by itself. Throws `Invalid` when that names none either.
 */
export async function findModuleProxy(
  runner: CommandRunner,
  list: string | undefined,
  onProgress: (line: string) => void,
): Promise<string> {
  const own = firstHttp(list)
  if (own !== undefined) return own
  await ensureHostPackages(runner, ['go'], onProgress)
  const byDefault = firstHttp(
    await runOrThrow(runner, 'go', ['env', 'GOPROXY'], { environment: { GOPROXY: undefined } }),
  )
  if (byDefault !== undefined) return byDefault
  throw new Failure('Invalid', 'no Go module proxy is known', {
    field: 'GOPROXY',
    remedy: 'set it to the URL of one, or install Go 1.26 or newer',
  })
}

/** The first of a list of proxies that speaks HTTP. */
export function firstHttp(list: string | undefined): string | undefined {
  return (list ?? '')
    .trim()
    .split(/[,|]/)
    .find((one) => /^https?:\/\//.test(one))
    ?.replace(/\/$/, '')
}
