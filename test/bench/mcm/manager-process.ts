import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { freePort } from '@trellis/kubernetes/testing/free-port'
import { cpuSecondsOf, residentMebibytesOf } from '../process-cost.ts'
import { sumOf } from './metrics-text.ts'
import type { ManagerProgram } from './programs.ts'

/** A machine controller manager in a process of its own. Disposing ends it. */
export interface ManagerProcess extends AsyncDisposable {
  cpuSeconds(): Promise<number>
  residentMebibytes(): Promise<number>
  /** Most servers that the simulated cloud ever had at one time, by its own ledger. */
  peakServers(): Promise<number>
}

/** What a manager is started with. */
export interface ManagerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly program: ManagerProgram
  /** A directory of its own. */
  readonly directory: string
  readonly kubeconfig: string
  readonly namespace: string
  readonly profile: string | undefined
}

/** The simulated cloud of the benchmark. */
export const cloud = { createMilliseconds: 1000, joinMilliseconds: 2000, deleteMilliseconds: 500 }

const readyMilliseconds = 60_000
const graceMilliseconds = 10_000

/** Starts a manager and waits until it leads. */
export async function startManager(options: ManagerOptions): Promise<ManagerProcess> {
  const { clock, random, program, directory } = options
  const port = await freePort(random)
  const files = {
    kubeconfig: join(directory, 'kubeconfig'),
    cloud: join(directory, 'cloud.json'),
    key: join(directory, 'key'),
  }
  await writeFile(files.kubeconfig, options.kubeconfig, { mode: 0o600 })
  await writeFile(files.cloud, JSON.stringify(cloud))
  await writeFile(files.key, random.text(32), { mode: 0o600 })
  const profiling = options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`]
  const args = [
    ...profiling,
    ...program.arguments,
    `--control-kubeconfig=${files.kubeconfig}`,
    `--namespace=${options.namespace}`,
    `--concurrent-syncs=${program.concurrentSyncs}`,
    '--provider=simulated',
    `--simulated-cloud=${files.cloud}`,
    `--bootstrap-token-key=${files.key}`,
    '--address=127.0.0.1',
    `--port=${port}`,
  ]
  const running = start(clock, args, { ...program.environment, POD_NAME: `mcm-${options.namespace}` })
  const url = `http://127.0.0.1:${port}`
  const processId = await running.leading(url)
  return {
    cpuSeconds: () => cpuSecondsOf(processId),
    residentMebibytes: () => residentMebibytesOf(processId),
    peakServers: async () => sumOf(await (await fetch(`${url}/metrics`)).text(), 'simulated_cloud_servers_peak'),
    [Symbol.asyncDispose]: running.stop,
  }
}

function start(clock: Clock, args: readonly string[], environment: Readonly<Record<string, string>>) {
  // The kernel kills it when this process is killed and can no longer do it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, ...environment },
  })
  let said = ''
  let ended = false
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000)
  })
  const end = new Promise<void>((resolve) => {
    const onEnd = () => {
      ended = true
      resolve()
    }
    child.once('close', onEnd)
    child.once('error', onEnd)
  })
  return {
    leading: async (url: string): Promise<number> => {
      const deadline = clock.now() + readyMilliseconds
      for (;;) {
        const status = await fetch(`${url}/status`).then(
          (answer) => answer.json(),
          () => undefined,
        )
        if ((status as { leading?: boolean } | undefined)?.leading === true) return child.pid ?? 0
        if (ended || clock.now() > deadline) {
          throw new Failure('Unavailable', `the machine controller manager did not start: ${said}`)
        }
        await clock.sleep(50)
      }
    },
    stop: async () => {
      child.kill('SIGTERM')
      const timer = clock.setTimer(graceMilliseconds, () => child.kill('SIGKILL'))
      await end
      timer.cancel()
    },
  }
}
