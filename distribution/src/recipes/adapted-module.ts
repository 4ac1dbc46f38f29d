import { createHash } from 'node:crypto'
import { chmod, copyFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type CommandOptions, type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import type { GoToolchain } from '../obtain/go-toolchain.ts'

/** The folder of a part's module that says how an upstream module is changed, and holds the Go files that are added to it. */
export const adaptationFolder = 'adapted'

/** `adapted/edits.json`: an upstream module and its files that our changes touch or rely on. */
interface AdaptationFile {
  readonly module: string
  /** By path in the module: the digest of the file, and texts with what replaces them. */
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly edits?: Edit['edits'] }>>
}

/** Where an adapted module is made. */
export interface Adaptation {
  readonly go: GoToolchain
  readonly runner: CommandRunner
  /** The part's module: go.mod, go.sum and the folder `adapted` with `edits.json` and files to add. */
  readonly moduleDirectory: string
  /** Empty directory that becomes the module to build in. */
  readonly directory: string
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes a copy of a part's module whose upstream module is a changed copy beside it: each file that `edits.json` names must be exactly the one that the changes were written for,
 * each edit must meet its text exactly once, and the files of the folder are added. Nothing of upstream is kept in this repository.
 * Throws `Conflict` that names the file when upstream's is another one.
 */
export async function adaptModule(adaptation: Adaptation): Promise<void> {
  const { moduleDirectory, directory } = adaptation
  const source = join(moduleDirectory, adaptationFolder)
  const { module, files } = JSON.parse(await readFile(join(source, 'edits.json'), 'utf8')) as AdaptationFile
  const upstream = join(directory, 'upstream')
  await copyWritable(await directoryOf(adaptation, module), upstream)
  for (const [path, { sha256, edits = [] }] of Object.entries(files)) {
    await edit(join(upstream, path), { path, module, sha256, edits })
  }
  await cp(source, upstream, { recursive: true, filter: (file) => !file.endsWith('edits.json') })
  const goMod = await readFile(join(moduleDirectory, 'go.mod'), 'utf8')
  // A relative path, so that the place where it was built is not in the program.
  await writeFile(join(directory, 'go.mod'), `${goMod}\nreplace ${module} => ./upstream\n`)
  await copyFile(join(moduleDirectory, 'go.sum'), join(directory, 'go.sum'))
}

/** Where Go keeps a module, which it gets and checks against go.sum first. */
async function directoryOf({ go, runner, moduleDirectory, signal }: Adaptation, module: string): Promise<string> {
  const options: CommandOptions = {
    directory: moduleDirectory,
    environment: { GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local', GOWORK: 'off' },
    ...(signal === undefined ? {} : { signal }),
  }
  const answer = await runOrThrow(runner, go.program, ['mod', 'download', '-json', module], options)
  return (JSON.parse(answer) as { readonly Dir: string }).Dir
}

/** Go keeps modules read-only. */
async function copyWritable(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const target = join(to, file.slice(from.length))
    await mkdir(dirname(target), { recursive: true })
    await copyFile(file, target)
    await chmod(target, 0o644)
  }
}

interface Edit {
  readonly path: string
  readonly module: string
  readonly sha256: string
  readonly edits: readonly (readonly [string, string])[]
}

async function edit(file: string, { path, module, sha256, edits }: Edit): Promise<void> {
  const remedy = `read what changed in ${module}, adapt ${adaptationFolder}/edits.json and the files beside it, and give the new digest`
  let text = await readFile(file, 'utf8')
  const found = createHash('sha256').update(text).digest('hex')
  if (found !== sha256) {
    throw new Failure('Conflict', `${path} of ${module} is not the file that our changes were written for: ${found}`, {
      field: `files["${path}"].sha256`,
      remedy,
    })
  }
  for (const [before, after] of edits) {
    const parts = text.split(before)
    if (parts.length !== 2) {
      const problem = `${path} of ${module} has ${JSON.stringify(before)} ${parts.length - 1} times, not once`
      throw new Failure('Conflict', problem, { field: `files["${path}"].edits`, remedy })
    }
    text = parts.join(after)
  }
  if (edits.length > 0) await writeFile(file, text)
}
