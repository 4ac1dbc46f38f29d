import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Clock } from '@trellis/foundation/clock'
import { describe, Failure } from '@trellis/foundation/failure'
import { aborted, childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { endOf, type LaunchedProcess } from '../launcher.ts'
import { supervise } from '../supervisor.ts'
import { parseRelayEvent, type RelayCommand, type RelayEvent } from './messages.ts'

/** A relay program that takes lines on its standard input. */
export interface LaunchedRelay extends LaunchedProcess {
  /** Undefined when it could not be started. */
  readonly processId: number | undefined
  write(line: string): void
}

/** Starts relay programs. A port, so that a test can start them in a network namespace. */
export type LaunchRelay = (
  program: string,
  args: readonly string[],
  /** Called with each line of its standard output, and of its standard error. */
  lines: { readonly onOutput: (line: string) => void; readonly onError: (line: string) => void },
) => LaunchedRelay

/** What keeping a relay program running takes. */
export interface RelayProcessOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Path or name of the program; `wireguard-relay` unless told. */
  readonly program?: string | undefined
  readonly launch?: LaunchRelay | undefined
  /** Arguments of the next start. */
  readonly args: () => readonly string[]
  /** What each new process is told first. */
  readonly greeting: () => readonly RelayCommand[]
  readonly onEvent: (event: RelayEvent) => void
  /** Called when a process has ended that will be started again. */
  readonly onEnd: () => void
}

/** A relay program that is started again whenever it ends. */
export interface RelayProcess extends AsyncDisposable {
  send(command: RelayCommand): void
  restarts(): number
}

const startDeadlineMilliseconds = 5000
/** What the Go runtime tries to stay within. */
const memoryLimit = '48MiB'

/** Starts programs of this machine. */
export const launchRelay: LaunchRelay = (program, args, { onOutput, onError }) => {
  const child = spawn(program, args, { env: { GOMEMLIMIT: memoryLimit, ...process.env } })
  createInterface({ input: child.stdout }).on('line', onOutput)
  createInterface({ input: child.stderr }).on('line', onError)
  // Whoever has ended reads no more, and that it has is told by its end.
  child.stdin.on('error', () => {})
  return {
    ended: endOf(child),
    processId: child.pid,
    write: (line) => void child.stdin.write(`${line}\n`),
    terminate: () => void child.stdin.end(),
    kill: () => void child.kill('SIGKILL'),
  }
}

/** Starts the program and keeps it running until disposed of. Resolves when it listens; throws `Unavailable` with what it said when the first start fails. */
export async function startRelayProcess(options: RelayProcessOptions): Promise<RelayProcess> {
  const { clock, log, random } = options
  const supervisor = supervise({
    ...{ clock, random, first: await start(options), start: () => start(options) },
    onEnd: (how) => {
      options.onEnd()
      log.warn({ how }, 'the relay ended and is started again')
    },
    onStart: () => {},
    onRefusal: (error) => log.warn({ problem: describe(error) }, 'the relay does not start'),
  })
  return {
    send: (command) => supervisor.running().write(JSON.stringify(command)),
    restarts: supervisor.restarts,
    [Symbol.asyncDispose]: () => supervisor[Symbol.asyncDispose](),
  }
}

async function start(options: RelayProcessOptions): Promise<LaunchedRelay> {
  const { clock, log, program = 'wireguard-relay' } = options
  const said: string[] = []
  let listens = () => {}
  const listening = new Promise<'listening'>((resolve) => {
    listens = () => resolve('listening')
  })
  const child = (options.launch ?? launchRelay)(program, options.args(), {
    onOutput: (line) => {
      const event = parseRelayEvent(line)
      if (event === undefined) return
      options.onEvent(event)
      if (event.event === 'listening') listens()
    },
    onError: (line) => {
      said.push(line)
      said.splice(0, said.length - 5)
      log.warn({ line }, 'the relay says')
    },
  })
  for (const command of options.greeting()) child.write(JSON.stringify(command))
  const late = childSignal(new AbortController().signal)
  const timer = clock.setTimer(startDeadlineMilliseconds, () => late.abort())
  const how = await Promise.race([listening, child.ended, aborted(late.signal).then(() => 'no answer')])
  timer.cancel()
  if (how === 'listening') return child
  child.kill()
  throw new Failure('Unavailable', `the relay does not start (${how}): ${said.join(' | ')}`, {
    remedy: `see that ${program} exists and that the address to listen on is free`,
  })
}
