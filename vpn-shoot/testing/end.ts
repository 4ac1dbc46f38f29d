import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { patience } from 'node-wireguard/testing/eventually'
import type { Namespace } from 'node-wireguard/testing/namespaces'
import { wireGuardGoProgram } from 'node-wireguard/testing/programs'
import type { LinkStatus } from 'node-wireguard/tunnel/link/link-status'
import type { TunnelStatus } from 'node-wireguard/tunnel/status'

/** One end of the tunnel: the program as a container would run it. */
export interface End {
  readonly label: 'seed' | 'shoot'
  readonly namespace: Namespace
  readonly interfaceName: string
  /** Starts the program; the one before it must have ended. */
  start(): Promise<void>
  /** Ends the program and what it started at once, as the death of a container does. */
  killContainer(): Promise<void>
  /** Ends only the Node process at once. */
  killProgram(): Promise<void>
  /** Ends only wireguard-go at once. */
  killWireGuardGo(): Promise<void>
  /** Asks the program to end and returns its exit code. */
  stop(): Promise<number | null>
  /** Resolves with exit code and error output when the program has ended by itself. */
  ended(): Promise<{ readonly code: number | null; readonly said: string }>
  /** What it has said since it was started. */
  said(): string
  status(): Promise<TunnelStatus>
  /** Status of its best link. */
  link(): Promise<LinkStatus>
  /** Status code and body of a request to the health server. */
  get(path: string): Promise<{ readonly code: number; readonly body: string }>
}

/** Port of the health server of every end. */
export const healthPort = 9110

/** Has an end use wireguard-go, also on hosts whose kernel has devices of its own: tests are to mean the same everywhere. */
export function userspace(): object {
  return { implementation: 'userspace', wireGuardGo: { program: wireGuardGoProgram() } }
}

const programs = {
  seed: fileURLToPath(new URL('../../vpn-seed/src/main.ts', import.meta.url)),
  shoot: fileURLToPath(new URL('../src/main.ts', import.meta.url)),
}

/** An end that is not running yet. */
export function createEnd(label: 'seed' | 'shoot', namespace: Namespace, interfaceName: string, file: string): End {
  let child: ChildProcess | undefined
  let said = ''
  const get = async (path: string) => {
    if (child?.exitCode !== null) throw new RangeError(`${label} does not run: ${said}`)
    const output = await namespace.run(
      'curl',
      ...[
        '--silent',
        '--max-time',
        String(2 * patience),
        '--write-out',
        '\n%{http_code}',
        `http://127.0.0.1:${healthPort}${path}`,
      ],
    )
    const at = output.lastIndexOf('\n')
    return { code: Number(output.slice(at + 1)), body: output.slice(0, at) }
  }
  const killWireGuardGo = async () => {
    const pids = await namespace.run('sh', '-c', `pgrep -f -- "--foreground ${interfaceName}\\$" || true`)
    killAll(pids)
  }
  const killProgram = async () => {
    const gone = exit(child)
    child?.kill('SIGKILL')
    await gone
  }
  const status = async (): Promise<TunnelStatus> => JSON.parse((await get('/status')).body)
  return {
    label,
    namespace,
    interfaceName,
    start: async () => {
      said = ''
      const started = namespace.start(process.execPath, [programs[label], '--config', file], { confined: true })
      for (const stream of [started.stdout, started.stderr])
        stream?.on('data', (chunk: Buffer) => {
          said += chunk.toString()
        })
      child = started
    },
    killContainer: async () => {
      // Stopped first, so that it starts nothing between being looked at and being killed.
      child?.kill('SIGSTOP')
      const started = await namespace.run('sh', '-c', `pgrep -P ${child?.pid} || true`)
      await killProgram()
      killAll(started)
    },
    killProgram,
    killWireGuardGo,
    stop: async () => {
      const gone = exit(child)
      child?.kill('SIGTERM')
      return gone
    },
    ended: async () => ({ code: await exit(child), said }),
    said: () => said,
    status,
    link: async () => {
      const [link] = (await status()).links
      if (link === undefined) throw new RangeError('there is no link')
      return link
    },
    get,
  }
}

/** Resolves with the exit code once the process has ended; null when a signal ended it or there is none. */
function exit(child: ChildProcess | undefined): Promise<number | null> {
  return new Promise((resolve) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) resolve(child?.exitCode ?? null)
    else child.once('exit', resolve)
  })
}

/** Takes what pgrep prints. */
function killAll(pids: string): void {
  for (const pid of pids.split('\n').filter((line) => line !== '')) killIfThere(Number(pid))
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile.
  }
}
