import { chmod, copyFile, link, mkdir, readdir, readFile, realpath, symlink } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { runOrThrow } from '@trellis/foundation/command'
import { describe, Failure } from '@trellis/foundation/failure'
import { runContained } from '../contained.ts'
import { type Downloader, digestFromChecksums } from '../obtain/download.ts'
import type { GoToolchain } from '../obtain/go-toolchain.ts'
import { findOnHost, saysVersion } from '../obtain/host-provided.ts'
import { type Architecture, moduleFolders, type ProgramPin, type ProgramsPart, type ProgramsPin } from '../pins.ts'
import type { Recipe, Source, Workshop } from '../store/part.ts'
import { adaptationFolder, adaptModule } from './adapted-module.ts'

/** What the recipes of program parts share. */
export interface ProgramsContext {
  readonly architecture: Architecture
  /** The folder that holds one Go module per part. */
  readonly modulesDirectory: string
  /** Where the host may have programs already. */
  readonly hostDirectories: readonly string[]
  /** Which sources may be used; they are tried in the order host, download, build. */
  readonly sources: readonly Source[]
  readonly downloader: Downloader
  /** A Go toolchain, obtained at the first call. */
  goToolchain(workshop: Workshop): Promise<GoToolchain>
}

/** Raised when what this recipe does with its inputs changes. */
const revision = '1'

/** Compiling less than this many more packages is not worth a word. */
const packagesPerReport = 250

/** The recipe of a part whose content is `bin/<program>` for each of its programs. */
export function programsRecipe(context: ProgramsContext, part: ProgramsPart, pin: ProgramsPin): Recipe {
  const moduleDirectory = join(context.modulesDirectory, moduleFolders[part] ?? part)
  return {
    part,
    needs: [],
    heavy: true,
    inputs: async () => [
      ...[revision, context.architecture, JSON.stringify(pin)],
      ...(await readModule(moduleDirectory, pin.adapted === true)),
    ],
    make: async (workshop) => {
      await mkdir(join(workshop.directory, 'bin'))
      for (const source of ['host', 'download', 'build'] as const) {
        if (context.sources.includes(source) && (await makers[source](context, pin, moduleDirectory, workshop))) {
          return source
        }
      }
      throw new Failure('Unavailable', `${part} ${pin.version} can be had from none of: ${context.sources.join(', ')}`)
    },
  }
}

type Maker = (context: ProgramsContext, pin: ProgramsPin, module: string, workshop: Workshop) => Promise<boolean>

const makers: Readonly<Record<Source, Maker>> = {
  host: async (context, pin, _module, workshop) => {
    const found = await findOnHost(workshop.runner, pin.programs, context.hostDirectories)
    if (found === undefined) return false
    const placed = new Map<string, string>()
    for (const [name, file] of found) {
      const [real, target] = [await realpath(file), join(workshop.directory, 'bin', name)]
      const twin = placed.get(real)
      if (twin === undefined) await placeProgram(file, target)
      else await link(twin, target)
      placed.set(real, target)
    }
    return true
  },
  download: async (context, pin, _module, workshop) => {
    if (pin.programs.some((program) => program.release === undefined)) return false
    try {
      for (const program of pin.programs) await download(context, program, workshop)
      return true
    } catch (error) {
      workshop.signal?.throwIfAborted()
      if (!(error instanceof Failure)) throw error
      workshop.log.info({ error: describe(error) }, 'no download, trying the next source')
      return false
    }
  },
  build: async (context, pin, module, workshop) => {
    const go = await context.goToolchain(workshop)
    await build(go, pin, pin.adapted === true ? await adapt(go, module, workshop) : module, workshop)
    for (const program of pin.programs) await check(program, workshop)
    return true
  },
}

/** What decides a module's programs: its files and, where upstream is changed, those that say how. */
async function readModule(directory: string, adapted: boolean): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const names = paths.map((path) => relative(directory, path)).sort()
  const used = adapted ? names : names.filter((name) => !name.startsWith(`${adaptationFolder}/`))
  return Promise.all(used.map(async (name) => `${name}\n${await readFile(join(directory, name), 'utf8')}`))
}

async function adapt(go: GoToolchain, moduleDirectory: string, workshop: Workshop): Promise<string> {
  const { runner, signal } = workshop
  const directory = join(workshop.scratch, 'module')
  await mkdir(directory)
  await adaptModule({ go, runner, moduleDirectory, directory, signal })
  return directory
}

async function placeProgram(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  await chmod(to, 0o755)
}

async function download(context: ProgramsContext, program: ProgramPin, workshop: Workshop): Promise<void> {
  const { release } = program
  if (release === undefined) return
  const fill = (text: string) => text.replaceAll('{arch}', context.architecture)
  const url = fill(release.url)
  const file = join(workshop.scratch, basename(url))
  if (!(await readdir(workshop.scratch)).includes(basename(url))) {
    const checksums = await context.downloader.fetchText(fill(release.checksumUrl), workshop.signal)
    const digest = digestFromChecksums(checksums, basename(url))
    if (digest === undefined)
      throw new Failure('NotFound', `${fill(release.checksumUrl)} gives no digest of ${basename(url)}`)
    workshop.report('downloading', basename(url))
    await context.downloader.fetchFile(url, digest, file, workshop.signal)
  }
  const target = join(workshop.directory, 'bin', program.name)
  if (release.member === undefined) {
    await placeProgram(file, target)
  } else {
    const member = fill(release.member)
    await runOrThrow(workshop.runner, 'tar', ['-xzf', file, '-C', workshop.scratch, member])
    await placeProgram(join(workshop.scratch, member), target)
  }
  await check(program, workshop)
}

async function check(program: ProgramPin, workshop: Workshop): Promise<void> {
  const file = join(workshop.directory, 'bin', program.name)
  if (program.version === undefined || (await saysVersion(workshop.runner, file, program.version))) return
  throw new Failure('Conflict', `${program.name} does not say that its version is ${program.version.answer.trim()}`)
}

async function build(go: GoToolchain, pin: ProgramsPin, module: string, workshop: Workshop): Promise<void> {
  const bin = join(workshop.directory, 'bin')
  const linked = pin.programs.filter((program) => program.linkTo !== undefined)
  const built = pin.programs.filter((program) => program.linkTo === undefined)
  for (const name of new Set(linked.map((program) => program.linkTo ?? ''))) {
    await goBuild(go, workshop, { module, variables: pin.variables, output: join(bin, name), packages: ['.'] })
  }
  for (const program of linked) await symlink(program.linkTo ?? '', join(bin, program.name))
  if (built.length === 1) {
    const [program] = built
    await goBuild(go, workshop, {
      module,
      variables: pin.variables,
      output: join(bin, program?.name ?? ''),
      packages: [program?.package ?? ''],
    })
  } else if (built.length > 1) {
    const packages = built.map((program) => program.package)
    await goBuild(go, workshop, { module, variables: pin.variables, output: `${bin}/`, packages })
  }
}

interface GoBuild {
  readonly module: string
  readonly variables: readonly string[]
  readonly output: string
  readonly packages: readonly string[]
}

/** Builds so that equal sources and an equal toolchain give equal bytes: no paths, no revision, no C compiler. */
async function goBuild(go: GoToolchain, workshop: Workshop, build: GoBuild): Promise<void> {
  let packages = 0
  workshop.report('building', `with ${go.version}`)
  const linkerFlags = ['-s', '-w', ...build.variables.map((variable) => `-X ${variable}`)].join(' ')
  await runContained(
    workshop.runner,
    'nice',
    [
      ...[go.program, 'build', '-v', '-buildvcs=false', '-trimpath'],
      ...['-ldflags', linkerFlags, '-o', build.output, ...build.packages],
    ],
    {
      directory: build.module,
      environment: { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local', GOWORK: 'off' },
      ...(workshop.signal === undefined ? {} : { signal: workshop.signal }),
      onLine: () => {
        packages++
        if (packages % packagesPerReport === 0) workshop.report('building', `${packages} packages compiled`)
      },
    },
  )
}
