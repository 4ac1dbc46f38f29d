import { once } from 'node:events'
import type { Namespace } from 'node-wireguard/testing/namespaces'

/** A program of a variant that goes on running. It ends with the laboratory at the latest. */
export interface RunningProgram {
  readonly processId: number
  /** The last of what it said. */
  said(): string
  hasEnded(): boolean
  /** Sends the signal and resolves once it has ended. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** How to start a program. */
export interface ProgramStart {
  readonly program: string
  readonly args: readonly string[]
  /** All that it has of environment, beside PATH. */
  readonly environment?: Readonly<Record<string, string>>
  /** Without any capability but NET_ADMIN, as in a container. */
  readonly confined?: boolean
}

const keptCharacters = 4000

/** Starts a program in the namespace. Every step on the way to it replaces itself by the next, so its process is the one that was started. */
export function startProgram(namespace: Namespace, start: ProgramStart): RunningProgram {
  const environment = { PATH: process.env.PATH ?? '', ...start.environment }
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const child = namespace.start('env', ['-i', ...variables, start.program, ...start.args], {
    confined: start.confined ?? false,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-keptCharacters)
    })
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  return {
    processId: child.pid ?? 0,
    said: () => said,
    hasEnded,
    end: async (signal) => {
      if (hasEnded()) return
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    },
  }
}
