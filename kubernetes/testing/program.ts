import { spawn } from 'node:child_process'
import type { Clock } from '@trellis/foundation/clock'

/** A program that runs until it is disposed, which ends it and waits until it is gone. */
export interface RunningProgram extends AsyncDisposable {
  readonly processId: number | undefined
  hasEnded(): boolean
  /** The end of what it wrote. */
  lastWords(): string
}

/** Most that is kept of what a program says. */
const keptCharacters = 4000
/** Time to end by itself before it is killed. */
const graceMilliseconds = 5_000

/** Starts a program. It is killed when this process exits without having disposed of it. */
export function startProgram(clock: Clock, path: string, args: readonly string[]): RunningProgram {
  // The kernel kills the program when this process is killed and can no longer do it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let words = ''
  let ended = false
  const remember = (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-keptCharacters)
  }
  child.stdout.on('data', remember)
  child.stderr.on('data', remember)
  const end = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      words += error.message
      ended = true
      resolve()
    })
    child.once('close', () => {
      ended = true
      resolve()
    })
  })
  const onExit = () => child.kill('SIGKILL')
  process.once('exit', onExit)
  return {
    processId: child.pid,
    hasEnded: () => ended,
    lastWords: () => `${path}: ${words}`,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      const timer = clock.setTimer(graceMilliseconds, () => child.kill('SIGKILL'))
      await end
      timer.cancel()
      process.off('exit', onExit)
    },
  }
}
