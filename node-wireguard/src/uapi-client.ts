import { createConnection } from 'node:net'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, type FailureKind } from '@trellis/foundation/failure'
import { parseAnswer, refusalOf } from './uapi-protocol.ts'

/** Speaks the cross-platform configuration protocol over a Unix socket. */
export interface UapiClient {
  /** Sends one request that ends with an empty line and returns the answer's lines. Throws `DeviceRefusal` with the device's errno, `NotFound` when there is no socket, `Unavailable` when nobody answers. */
  request(text: string): Promise<readonly string[]>
  /** Holds a connection open and resolves when the other end closes it, which is when its process ends; also when there is none to begin with. */
  closed(signal: AbortSignal): Promise<void>
}

/** Where a userspace device of this name listens. */
export function socketPathOf(interfaceName: string): string {
  return `/var/run/wireguard/${interfaceName}.sock`
}

const answerLimitBytes = 64 * 1024 * 1024
const kinds: Readonly<Record<string, FailureKind>> = {
  ENOENT: 'NotFound',
  EACCES: 'Unauthorized',
  EPERM: 'Unauthorized',
}

/** Makes a client. Each request has a connection of its own, so a hanging one disturbs no other. */
export function createUapiClient(options: {
  readonly clock: Clock
  readonly socketPath: string
  /** How long a device may take to answer; 5 s unless told. */
  readonly timeoutMilliseconds?: number
}): UapiClient {
  const { clock, socketPath, timeoutMilliseconds = 5000 } = options
  return {
    request: async (text) => {
      const { lines, errno } = parseAnswer(await exchange(clock, socketPath, text, timeoutMilliseconds))
      const refusal = refusalOf(errno)
      if (refusal !== undefined) throw refusal
      return lines
    },
    closed: (signal) =>
      new Promise((resolve) => {
        const socket = createConnection(socketPath)
        const end = () => {
          signal.removeEventListener('abort', end)
          socket.destroy()
          resolve()
        }
        signal.addEventListener('abort', end, { once: true })
        socket.on('error', end).on('close', end).resume()
        if (signal.aborted) end()
      }),
  }
}

function exchange(clock: Clock, socketPath: string, text: string, timeoutMilliseconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath)
    let answer = ''
    const finish = (outcome: () => void) => {
      timer.cancel()
      socket.destroy()
      outcome()
    }
    const timer = clock.setTimer(timeoutMilliseconds, () =>
      finish(() => reject(new Failure('Unavailable', `${socketPath} does not answer`))),
    )
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(text))
    socket.on('data', (chunk: string) => {
      answer += chunk
      // The device keeps the connection for further requests, so the empty line is what ends an answer.
      if (answer.endsWith('\n\n')) finish(() => resolve(answer))
      else if (answer.length > answerLimitBytes)
        finish(() => reject(new Failure('Invalid', `${socketPath} answers without end`)))
    })
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(() =>
        reject(
          new Failure(kinds[error.code ?? ''] ?? 'Unavailable', `${socketPath} cannot be used`, {
            cause: error,
            remedy: 'see whether the userspace device runs',
          }),
        ),
      ),
    )
    socket.on('close', () =>
      finish(() => reject(new Failure('Unavailable', `${socketPath} closed before it had answered`))),
    )
  })
}
