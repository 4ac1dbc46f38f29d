import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A program that runs beside this process until it ends or is told to. */
export interface LaunchedProcess {
  /** Resolves once, when the program has ended or could not be started, with a sentence that says how. */
  readonly ended: Promise<string>
  /** Asks the program to end. */
  terminate(): void
  /** Ends it without asking. */
  kill(): void
}

/** Starts programs that stay. A port, so that supervision can be tested without one. */
export type Launch = (
  program: string,
  args: readonly string[],
  options: {
    readonly environment: Readonly<Record<string, string>>
    /** Called with each line the program writes. */
    readonly onLine: (line: string) => void
  },
) => LaunchedProcess

/** Starts programs of this machine. */
export const launch: Launch = (program, args, { environment, onLine }) => {
  const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine)
  return { ended: endOf(child), terminate: () => void child.kill('SIGTERM'), kill: () => void child.kill('SIGKILL') }
}

/** Resolves when a program has ended or could not be started, with a sentence that says how. */
export function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(`it could not be run: ${error.message}`))
    child.on('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
  })
}
