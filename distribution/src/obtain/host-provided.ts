import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { CommandRunner } from '@trellis/foundation/command'
import { isFailure } from '@trellis/foundation/failure'
import type { ProgramPin } from '../pins.ts'

/** Directories in which the host may have the parts already: `KUBEBUILDER_ASSETS` before `PATH`, without what is our own cache. */
export function hostDirectories(
  environment: Readonly<Record<string, string | undefined>>,
  cacheDirectory: string,
): readonly string[] {
  const assets = environment.KUBEBUILDER_ASSETS
  const path = (environment.PATH ?? '').split(delimiter)
  return [...(assets === undefined ? [] : [assets]), ...path].filter(
    (directory) => directory !== '' && !`${directory}/`.startsWith(`${cacheDirectory}/`),
  )
}

/**
 * The file of each program when the host has all of them in exactly the pinned versions, which each is asked for by running it;
 * undefined otherwise.
 */
export async function findOnHost(
  runner: CommandRunner,
  programs: readonly ProgramPin[],
  directories: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const found = new Map<string, string>()
  for (const program of programs) {
    const file = await findProgram(runner, program, directories)
    if (file === undefined) return undefined
    found.set(program.name, file)
  }
  return found
}

async function findProgram(runner: CommandRunner, program: ProgramPin, directories: readonly string[]) {
  if (program.version === undefined) return undefined
  for (const directory of directories) {
    const file = join(directory, program.name)
    if ((await isExecutable(file)) && (await saysVersion(runner, file, program.version))) return file
  }
  return undefined
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether the program, run with the pin's arguments, ends well and says the pinned version. */
export async function saysVersion(
  runner: CommandRunner,
  file: string,
  version: NonNullable<ProgramPin['version']>,
): Promise<boolean> {
  try {
    const result = await runner.run(file, version.args, { environment: { KUBECONFIG: '/dev/null' } })
    return result.code === 0 && containsVersion(`${result.stdout}${result.stderr}`, version.answer)
  } catch (error) {
    if (isFailure(error)) return false
    throw error
  }
}

/** Whether the answer stands in the text as a whole: `v1.9.1` is not in `v1.9.12`. */
export function containsVersion(text: string, answer: string): boolean {
  const at = text.indexOf(answer)
  if (at < 0) return false
  const next = text[at + answer.length] ?? ' '
  return !/[0-9A-Za-z.-]/.test(next)
}
