import { realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import type { Architecture } from '../pins.ts'
import type { LayerItem } from './layer.ts'

interface Conventions {
  /** Where Debian keeps libraries, the loader's file among them. */
  readonly libraries: string
  /** The path by which programs name their loader. */
  readonly loader: string
}

const conventions: Readonly<Record<Architecture, Conventions>> = {
  amd64: { libraries: '/usr/lib/x86_64-linux-gnu', loader: '/usr/lib64/ld-linux-x86-64.so.2' },
  arm64: { libraries: '/usr/lib/aarch64-linux-gnu', loader: '/usr/lib/ld-linux-aarch64.so.1' },
}

/** The links that every image with Debian's programs needs, since programs name their loader by the old path. */
export const mergedFolders: readonly LayerItem[] = ['bin', 'lib', 'lib64', 'sbin'].flatMap((name): LayerItem[] => [
  { kind: 'folder', path: `/usr/${name}` },
  { kind: 'link', path: `/${name}`, target: `usr/${name}` },
])

/** A program that an image shall have, and where this host has it. */
export interface ProgramFile {
  /** Path in the image. */
  readonly path: string
  readonly source: string
}

/** The programs, with every shared library that they load and the loader itself, all libraries out of the Debian root filesystem at `root`. */
export async function withSharedLibraries(
  runner: CommandRunner,
  architecture: Architecture,
  root: string,
  programs: readonly ProgramFile[],
): Promise<readonly LayerItem[]> {
  const { libraries, loader } = conventions[architecture]
  const loaderFile = join(root, libraries, basename(loader))
  const items = new Map<string, LayerItem>()
  const add = (path: string, source: string) => items.set(path, { kind: 'file', path, source, mode: 0o755 })
  add(loader, loaderFile)
  for (const program of programs) {
    add(program.path, program.source)
    const result = await runner.run(loaderFile, ['--library-path', join(root, libraries), '--list', program.source])
    if (result.code !== 0)
      throw new Failure('Unavailable', `the libraries of ${program.source} cannot be listed: ${result.stderr.trim()}`)
    for (const library of listedLibraries(program.source, result.stdout)) {
      add(`${libraries}/${basename(library)}`, await realpath(library))
    }
  }
  return [...items.values()]
}

/** The paths in what the loader lists. Throws `NotFound` that names a library which is nowhere. */
export function listedLibraries(program: string, listing: string): readonly string[] {
  return listing.split('\n').flatMap((line) => {
    const missing = /^\s*(\S+) => not found/.exec(line)?.[1]
    if (missing !== undefined)
      throw new Failure('NotFound', `${program} needs the library ${missing}, which is missing`)
    const path = /^\s*\S+ => (\/\S+) \(0x/.exec(line)?.[1]
    return path === undefined || /\/ld-linux/.test(path) ? [] : [path]
  })
}
