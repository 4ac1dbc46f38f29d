import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'

/** How to run a program that must be asked to end before it may be killed. */
export interface ChildOptions {
  readonly clock: Clock
  readonly program: string
  readonly args: readonly string[]
  readonly directory: string
  /** All of its environment: nothing of this process's own is handed on. */
  readonly environment: Readonly<Record<string, string>>
  /** Asks it to end. */
  readonly signal: AbortSignal
  /** How long it may take to end once it has been asked. */
  readonly graceMilliseconds: number
  /** Called with each line of its standard output. */
  readonly onLine: (line: string) => void
}

/** How a program ended. */
export interface ChildEnd {
  /** Exit code; undefined when it was killed. */
  readonly code: number | undefined
  /** End of what it wrote to standard error. */
  readonly errors: string
}

const keptErrorLength = 4000

/**
 * Runs a program as the head of a process group of its own. When the signal aborts, the program alone gets SIGINT and may end in its own way; after the grace,
 * it and all its children get SIGKILL. Resolves when it has ended and no child of its group is left, also when it was called off. Throws `NotFound` when there is no such
 * program and `Unavailable` when it cannot be started.
 */
export function runChild(options: ChildOptions): Promise<ChildEnd> {
  const { clock, program, signal } = options
  return new Promise((resolve, reject) => {
    const child = spawn(program, options.args, {
      cwd: options.directory,
      env: options.environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const killGroup = () => kill(child.pid, (pid) => process.kill(-pid, 'SIGKILL'))
    let grace: { cancel(): void } | undefined
    const onAbort = () => {
      kill(child.pid, (pid) => process.kill(pid, 'SIGINT'))
      grace = clock.setTimer(options.graceMilliseconds, killGroup)
    }
    const settle = () => {
      signal.removeEventListener('abort', onAbort)
      grace?.cancel()
    }
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-keptErrorLength)
    })
    const lines = createInterface({ input: child.stdout })
    lines.on('line', options.onLine)
    // Plugins that a killed program left behind hold its pipes open: they go before the end of the pipes is waited for.
    child.on('exit', killGroup)
    child.on('error', (error: NodeJS.ErrnoException) => {
      settle()
      const kind = error.code === 'ENOENT' ? 'NotFound' : 'Unavailable'
      reject(new Failure(kind, `${program} cannot be started`, { cause: error }))
    })
    const linesRead = new Promise<void>((done) => lines.on('close', done))
    child.on('close', (code) => {
      settle()
      void linesRead.then(() => resolve({ code: code ?? undefined, errors }))
    })
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** A process that has ended already needs no signal. */
function kill(pid: number | undefined, send: (pid: number) => void): void {
  if (pid === undefined) return
  try {
    send(pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
