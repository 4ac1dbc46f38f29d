import { access, readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import type { Plugin, RolldownBuild } from 'rolldown'
import { oneByteSource } from './one-byte-source.ts'
import { digestSources, listSources, roomsBelow } from './sources.ts'

/** Our own deployables: each becomes one JavaScript file. */
export const deployables = [
  'mcm',
  'cluster-bootstrap',
  'cloud-controller-manager',
  'vpn-seed',
  'vpn-shoot',
  'front-door',
  'node-agent',
] as const

/** Name and folder of one of our deployables. */
export type Deployable = (typeof deployables)[number]

/** Where a deployable begins. Throws `NotFound` when its room has no `src/main.ts`. */
export async function entryOf(repositoryDirectory: string, deployable: Deployable): Promise<string> {
  const entry = join(repositoryDirectory, deployable, 'src/main.ts')
  try {
    await access(entry)
    return entry
  } catch (cause) {
    throw new Failure('NotFound', `${deployable}/src/main.ts is missing, so ${deployable} cannot be bundled`, {
      cause,
      remedy: 'restore the file from the repository',
    })
  }
}

/** Digests of everything that decides what a deployable's bundle looks like. */
export async function bundleInputs(repositoryDirectory: string, deployable: Deployable): Promise<readonly string[]> {
  const rooms = await roomsBelow(repositoryDirectory, deployable)
  const isSource = (path: string) => path === 'package.json' || (/\.(ts|json)$/.test(path) && !/\.test\.ts$/.test(path))
  const digests = rooms.map(async (room) => {
    const directory = join(repositoryDirectory, room)
    return `${room} ${await digestSources(directory, await listSources(directory, isSource))}`
  })
  return [...(await Promise.all(digests)), await readFile(join(repositoryDirectory, 'package-lock.json'), 'utf8')]
}

/**
 * `one-file`: all in one module. `lazy-files`: what is imported lazily lies in modules of its own beside it, so that a process holds no source text of what it never loads:
 * the SDKs of three clouds would double the memory of a machine controller that calls one.
 */
export type BundleForm = 'one-file' | 'lazy-files'

/**
 * Bundles a deployable with everything it imports into a module at `output`: nothing is left to install, and what is not used is
 * left out. The same sources always give the same bytes, wherever the repository in `directory` lies.
 */
export async function bundleDeployable(
  directory: string,
  entry: string,
  output: string,
  form: BundleForm = 'lazy-files',
): Promise<void> {
  // Loaded only here: most callers of this room have nothing to bundle, and the bundler is large.
  const { rolldown } = await import('rolldown')
  try {
    await using bundle = await rolldown({
      // Paths in comments are relative to this, not to where somebody happened to start from.
      cwd: directory,
      input: entry,
      platform: 'node',
      treeshake: true,
      logLevel: 'silent',
      external: [...optionalModules],
      plugins: [leaveOut(unreadModules), directBuiltins, oneByte],
    })
    const { output: chunks } = await bundle.write({
      dir: dirname(output),
      entryFileNames: basename(output),
      chunkFileNames: `${basename(output, '.mjs')}-[name]-[hash].mjs`,
      format: 'esm',
      minify: false,
      sourcemap: false,
      codeSplitting: form === 'lazy-files',
    })
    refuseLeftovers(entry, chunks)
  } catch (cause) {
    if (cause instanceof Failure) throw cause
    throw new Failure('Invalid', `${entry} cannot be bundled`, { cause })
  }
}

/** Speed-ups in C that their users do without when they are absent. */
const optionalModules = ['bufferutil', 'utf-8-validate']

/**
 * Message definitions of Google's services that nobody here calls. The runtime of Google's client loads them all the same, written out as code: half of all that it brings, and
 * source text is memory in every process that has it in its bundle.
 */
const unreadModules = /\/google-gax\/build\/protos\/(?:iam_service|locations|operations)\.js$/

function leaveOut(modules: RegExp): Plugin {
  const handler = () => ({ code: 'module.exports = {}', moduleType: 'js' as const })
  return { name: 'leave-out', load: { filter: { id: modules }, handler } }
}

const builtinPrefix = '\0builtin:'

/**
 * Asks the runtime for its own modules by a call instead of an import. An import of `node:http` reads every name that the module exports, and thereby loads what the module itself
 * would load only for those who use it: a client of HTTP with HTTP/2, streams of the web and compression, some 5 MiB in every process.
 */
const directBuiltins: Plugin = {
  name: 'direct-builtins',
  // The bundler's own helpers import from node:module, and come before everything else.
  resolveId: (id) =>
    isBuiltin(id) && id !== 'module' && id !== 'node:module'
      ? { id: `${builtinPrefix}${id.replace(/^node:/, '')}`, moduleSideEffects: false }
      : null,
  load: (id) =>
    id.startsWith(builtinPrefix)
      ? {
          code: `module.exports = process.getBuiltinModule(${JSON.stringify(`node:${id.slice(builtinPrefix.length)}`)})`,
          moduleType: 'js',
        }
      : null,
}

const oneByte: Plugin = { name: 'one-byte', renderChunk: (code) => ({ code: oneByteSource(code) }) }

type Chunk = Awaited<ReturnType<RolldownBuild['write']>>['output'][number]

/** A module that is neither in the bundle nor in Node would be missed only when a container starts. */
function refuseLeftovers(entry: string, chunks: readonly Chunk[]): void {
  const imports = chunks.flatMap((chunk) => (chunk.type === 'chunk' ? [...chunk.imports, ...chunk.dynamicImports] : []))
  // What is loaded lazily and lies in the bundle itself is listed under the bundle's own name.
  const own = new Set(chunks.map(({ fileName }) => fileName))
  const leftover = imports.find((name) => !isBuiltin(name) && !optionalModules.includes(name) && !own.has(name))
  if (leftover === undefined) return
  throw new Failure('Invalid', `${entry} cannot be bundled: there is no module ${leftover}`, {
    remedy: 'install the dependencies: npm ci',
  })
}
