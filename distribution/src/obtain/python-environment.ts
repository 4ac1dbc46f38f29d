import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { keyOf } from '../store/cache.ts'
import { takeLock } from '../store/lock.ts'
import { hostPackages, installHostPackages } from './host-packages.ts'

/** What making an environment needs. */
export interface PythonEnvironmentPorts {
  readonly clock: Clock
  readonly runner: CommandRunner
  /** Where finished parts are kept, as in `/var/cache/trellis`. */
  readonly cacheDirectory: string
  /** Told what is being installed. */
  readonly onProgress?: (line: string) => void
}

/** Which environment is wanted. */
export interface PythonEnvironmentWish {
  /** Names it in the cache, as in `moto`. */
  readonly name: string
  /** Path of a requirements file that pins everything with `==`, also what the wanted packages themselves need. */
  readonly lockFile: string
}

/** A virtual environment on this machine. */
export interface PythonEnvironment {
  readonly directory: string
  /** Its interpreter; programs of packages lie beside it. */
  readonly python: string
}

/** Environments of one name that are kept: those used last. */
const kept = 3

/** Written last: an environment without it is not whole. */
const seal = 'complete'

/**
 * The virtual environment of exactly the packages that the lock file lists, from PyPI or whatever index pip is set to. Made once for each content of the file and version of Python,
 * by one process at a time; one that was cut short is begun anew. It is made in its final place, since the programs of packages name their interpreter by its path.
 * Throws `Invalid` when the file leaves something open, `Unavailable` when Python or the packages cannot be had.
 */
export async function ensurePythonEnvironment(
  ports: PythonEnvironmentPorts,
  { name, lockFile }: PythonEnvironmentWish,
): Promise<PythonEnvironment> {
  const { runner, clock, cacheDirectory } = ports
  const lockText = await readFile(lockFile, 'utf8')
  checkPins(lockText, lockFile)
  await ensurePython(ports)
  const version = await runOrThrow(runner, 'python3', ['-c', 'import sys; print(sys.executable, sys.version)'])
  const part = join(cacheDirectory, `python-${name}`)
  const key = keyOf(`python-${name}`, [lockText, version])
  const directory = join(part, key)
  const environment = { directory, python: join(directory, 'bin', 'python3') }
  const lock = await takeLock(runner, join(part, 'lock'))
  try {
    if (!(await isThere(join(directory, seal)))) {
      ports.onProgress?.(`installing ${name} for Python into ${directory}`)
      await make(runner, environment, lockFile)
      await prune(part, key)
    }
    const seconds = clock.now() / 1000
    await utimes(join(directory, seal), seconds, seconds)
  } finally {
    await lock.release()
  }
  return environment
}

/** Refuses lines that would let an index choose. */
function checkPins(text: string, lockFile: string): void {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim())
  const open = lines.find((line) => line !== '' && !/^[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+$/.test(line))
  if (open === undefined) return
  throw new Failure('Invalid', `${lockFile} pins no version: ${open}`, { remedy: 'write NAME==VERSION' })
}

async function ensurePython({ runner, onProgress }: PythonEnvironmentPorts): Promise<void> {
  const probe = await runner.run('sh', ['-c', 'python3 -c "import ensurepip, venv"'])
  if (probe.code !== 0) await installHostPackages(runner, hostPackages.python3, onProgress ?? (() => {}))
}

async function make(runner: CommandRunner, { directory, python }: PythonEnvironment, lockFile: string): Promise<void> {
  const making = { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' }
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  await runOrThrow(runner, 'python3', ['-m', 'venv', directory])
  await runOrThrow(runner, python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', lockFile], {
    environment: making,
  })
  const check = await runner.run(python, ['-m', 'pip', 'check'], { environment: making })
  if (check.code !== 0) {
    throw new Failure('Invalid', `${lockFile} is not whole: ${check.stdout.trim()}`, {
      remedy: 'pin what is missing too, as pip freeze lists it',
    })
  }
  await writeFile(join(directory, `${seal}.new`), '')
  await rename(join(directory, `${seal}.new`), join(directory, seal))
}

async function isThere(path: string): Promise<boolean> {
  return (await lastUse(path)) !== undefined
}

async function lastUse(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Removes the environments that were used longest ago, and what was cut short. */
async function prune(part: string, present: string): Promise<void> {
  const keys = (await readdir(part)).filter((name) => /^[0-9a-f]{64}$/.test(name) && name !== present)
  const aged = await Promise.all(keys.map(async (key) => ({ key, used: (await lastUse(join(part, key, seal))) ?? 0 })))
  const old = aged
    .sort((left, right) => right.used - left.used)
    .filter(({ used }, index) => used === 0 || index >= kept - 1)
  for (const { key } of old) await rm(join(part, key), { recursive: true, force: true })
}
