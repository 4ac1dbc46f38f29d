import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { type Layout, pathOf } from './layout.ts'

/** A process to run until the end. */
export interface Start {
  /** Names its log. */
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** Processes that end with the scope, and with this process. */
export interface Processes extends AsyncDisposable {
  start(wish: Start): void
  /** Runs to the end; throws with the end of its log when that is not success. */
  run(wish: Start): Promise<void>
  /** Asks again and again until it is true; throws when one of the processes has ended, or it takes too long. */
  until(what: string, condition: () => Promise<boolean>): Promise<void>
}

const patienceMilliseconds = 240_000
const graceMilliseconds = 10_000
const askAgainMilliseconds = 100

/** Nothing runs at first. The last that was started is ended first. */
export function createProcesses(layout: Layout, clock: Clock): Processes {
  const running: { readonly name: string; readonly child: ChildProcess; readonly end: Promise<number> }[] = []
  const launch = ({ name, program, args, environment }: Start) => {
    const log = openSync(pathOf(layout, 'log', `${name}.log`), 'a')
    // Should this process be killed, the kernel ends what it started.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
      cwd: layout.root,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...inherited(layout), ...environment },
    })
    closeSync(log)
    const end = new Promise<number>((resolve) => {
      child.once('error', () => resolve(127))
      child.once('exit', (code) => resolve(code ?? 1))
    })
    return { name, child, end }
  }
  const complain = async (name: string, problem: string): Promise<never> => {
    const text = await readFile(pathOf(layout, 'log', `${name}.log`), 'utf8').catch(() => '')
    throw new Failure('Unavailable', `${name} ${problem}: ${text.slice(-2000)}`)
  }
  return {
    start: (wish) => void running.push(launch(wish)),
    run: async (wish) => {
      const code = await launch(wish).end
      if (code !== 0) await complain(wish.name, `ended with code ${code}`)
    },
    until: async (what, condition) => {
      const deadline = clock.now() + patienceMilliseconds
      while (!(await condition().catch(() => false))) {
        const ended = running.find(({ child }) => child.exitCode !== null || child.signalCode !== null)
        if (ended !== undefined) await complain(ended.name, `ended while ${what} was awaited`)
        if (clock.now() > deadline) throw new Failure('Timeout', `${what}: waited too long; see ${layout.root}/log`)
        await clock.sleep(askAgainMilliseconds)
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { child, end } of running.reverse()) await stop(clock, child, end)
      running.length = 0
    },
  }
}

/** Ends a process and all that it started in its session. */
async function stop(clock: Clock, child: ChildProcess, end: Promise<number>): Promise<void> {
  signalGroup(child, 'SIGTERM')
  const timer = clock.setTimer(graceMilliseconds, () => signalGroup(child, 'SIGKILL'))
  await end
  timer.cancel()
  signalGroup(child, 'SIGKILL')
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Nothing of the user's own settings for OpenStack, Python or proxies gets in. */
function inherited(layout: Layout): Record<string, string> {
  return {
    PATH: `${layout.environment}/bin:${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
    HOME: pathOf(layout, 'queue'),
    LANG: 'C.UTF-8',
    TMPDIR: pathOf(layout, 'temporary'),
    PYTHONPATH: `${import.meta.dirname}/python`,
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONWARNINGS: 'ignore',
    NO_PROXY: '127.0.0.1,localhost',
  }
}

/** Whether something listens there. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
