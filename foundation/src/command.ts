import { spawn } from 'node:child_process'
import { Failure } from './failure.ts'

/** What a finished program left behind. */
export interface CommandResult {
  /** Exit code; 128 plus the signal's number when it was killed. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** How to start a program. */
export interface CommandOptions {
  /** Written to its standard input, which is then closed. */
  readonly input?: string
  /** Variables added to (or, when undefined, taken from) this process's environment. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly directory?: string
  /** Kills the program when it aborts. */
  readonly signal?: AbortSignal
  /** What it is killed with; SIGTERM unless told. */
  readonly killSignal?: NodeJS.Signals
  /** Called with each line that the program writes to either stream. */
  readonly onLine?: (line: string) => void
}

/** Runs programs. The port through which every room reaches the operating system's tools; arguments are never parsed by a shell. */
export interface CommandRunner {
  /** Runs to the end. Throws `Unavailable` when the program cannot be started, `NotFound` when there is no such program; a non-zero code is a result, not an error. */
  run(program: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>
}

/** Most that is kept of each output stream, in bytes. */
const outputLimitBytes = 16 * 1024 * 1024

/** Runs programs of this machine. */
export function createCommandRunner(): CommandRunner {
  return {
    run: (program, args, options = {}) =>
      new Promise((resolve, reject) => {
        const child = spawn(program, args, {
          cwd: options.directory,
          env: { ...process.env, ...options.environment },
          signal: options.signal,
          ...(options.killSignal === undefined ? {} : { killSignal: options.killSignal }),
          stdio: ['pipe', 'pipe', 'pipe'],
        })
        const stdout = collect(child.stdout, options.onLine)
        const stderr = collect(child.stderr, options.onLine)
        child.on('error', (error: NodeJS.ErrnoException) => {
          if (options.signal?.aborted) reject(options.signal.reason)
          else if (error.code === 'ENOENT')
            reject(new Failure('NotFound', `there is no program ${program}`, { cause: error }))
          else reject(new Failure('Unavailable', `${program} cannot be started`, { cause: error }))
        })
        child.on('close', (code, signal) =>
          resolve({ code: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15), stdout: stdout(), stderr: stderr() }),
        )
        child.stdin.on('error', () => {})
        child.stdin.end(options.input ?? '')
      }),
  }
}

/** Runs a program that is expected to succeed and returns its standard output; throws `Unavailable` with the end of its error output when it does not. */
export async function runOrThrow(
  runner: CommandRunner,
  program: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<string> {
  const result = await runner.run(program, args, options)
  if (result.code !== 0) {
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-2000)
    throw new Failure('Unavailable', `${program} ${args.join(' ')} ended with code ${result.code}: ${said}`)
  }
  return result.stdout
}

function collect(stream: NodeJS.ReadableStream, onLine: ((line: string) => void) | undefined): () => string {
  const chunks: Buffer[] = []
  let size = 0
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= outputLimitBytes) chunks.push(chunk)
    if (onLine === undefined) return
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  stream.on('end', () => {
    if (rest !== '') onLine?.(rest)
  })
  return () => Buffer.concat(chunks).toString()
}
