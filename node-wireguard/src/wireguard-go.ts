import { existsSync, rmSync } from 'node:fs'
import type { Clock } from '@trellis/foundation/clock'
import { describe, Failure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { WireGuardDevice } from './device.ts'
import { type Launch, type LaunchedProcess, launch as launchHere } from './launcher.ts'
import { supervise } from './supervisor.ts'
import { createUapiClient, socketPathOf, type UapiClient } from './uapi-client.ts'
import { createUapiDevice } from './uapi-device.ts'
import { getRequest } from './uapi-protocol.ts'

/** What supervising wireguard-go takes. */
export interface WireGuardGoOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** A TUN interface of this name must exist and be persistent (see `ensureLink`), so that addresses and routes outlive a crash. */
  readonly interfaceName: string
  /** Path or name of the program; `wireguard-go` unless told. */
  readonly program?: string
  /** What the Go runtime tries to stay within, in which packets do not count; {@link defaultMemoryLimitMebibytes} unless told. */
  readonly memoryLimitMebibytes?: number
  /** Called each time a new process answers, the first one included; it begins without any configuration. */
  readonly onStart?: () => void
  readonly launch?: Launch
  readonly socketPath?: string
}

/**
 * Far above what it needs, some 6: the distribution's wireguard-go keeps packets beside the heap, in at most 96 MiB of their own, of which 1,536 packets of 1,500 bytes take 6 (decision 40).
 * A wireguard-go as published keeps packets in the heap, so that with it this is what bounds them.
 */
export const defaultMemoryLimitMebibytes = 96

/** A wireguard-go that is started again whenever it ends. */
export interface WireGuardGo extends AsyncDisposable {
  readonly device: WireGuardDevice
  /** How often a new process had to be started since the first. */
  restarts(): number
  /** Why there is no answering process now; undefined when there is one. */
  problem(): string | undefined
}

const startDeadlineMilliseconds = 5000
const pollMilliseconds = 10

/**
 * Starts wireguard-go in the foreground and keeps it running until disposed of. A process that already serves the interface, left behind
 * by a supervisor that was killed, is taken over with its sessions. Resolves when it answers; throws `Unavailable` with what it said when the first start fails.
 */
export async function startWireGuardGo(options: WireGuardGoOptions): Promise<WireGuardGo> {
  const { clock, log, random, interfaceName, socketPath = socketPathOf(interfaceName) } = options
  const client = createUapiClient({ clock, socketPath })
  let problem: string | undefined
  const first = (await attach(client, socketPath)) ?? (await start(options, client, socketPath))
  options.onStart?.()
  const supervisor = supervise({
    ...{ clock, random, first, start: () => start(options, client, socketPath) },
    onEnd: (how) => {
      problem = `wireguard-go ended with ${how}`
      log.warn({ interfaceName, how }, 'wireguard-go ended and is started again')
    },
    onStart: () => {
      problem = undefined
      options.onStart?.()
    },
    onRefusal: (error) => {
      problem = describe(error)
      log.warn({ interfaceName, problem }, 'wireguard-go does not start')
    },
  })
  return {
    device: createUapiDevice(client),
    restarts: supervisor.restarts,
    problem: () => problem,
    [Symbol.asyncDispose]: () => supervisor[Symbol.asyncDispose](),
  }
}

/** Takes over a process that already answers. Its end shows as the end of a connection, and it goes away when its socket does. */
async function attach(client: UapiClient, socketPath: string): Promise<LaunchedProcess | undefined> {
  if (!existsSync(socketPath)) return undefined
  try {
    await client.request(getRequest)
  } catch {
    // A socket without anybody behind it is what a killed process leaves; the next one replaces it.
    return undefined
  }
  const watching = new AbortController()
  const ended = client.closed(watching.signal).then(() => 'the end of its connection')
  // Not our child, so there is nothing to signal; but it ends by itself when its socket is deleted.
  return { ended, terminate: () => rmSync(socketPath, { force: true }), kill: () => watching.abort() }
}

/** Starts one process and waits until it answers. */
async function start(options: WireGuardGoOptions, client: UapiClient, socketPath: string): Promise<LaunchedProcess> {
  const {
    clock,
    log,
    interfaceName,
    program = 'wireguard-go',
    memoryLimitMebibytes = defaultMemoryLimitMebibytes,
  } = options
  const said: string[] = []
  const child = (options.launch ?? launchHere)(program, ['--foreground', interfaceName], {
    environment: { GOMEMLIMIT: `${memoryLimitMebibytes}MiB`, LOG_LEVEL: 'error' },
    onLine: (line) => {
      said.push(line)
      said.splice(0, said.length - 20)
      log.debug({ interfaceName, line }, 'wireguard-go says')
    },
  })
  let ended: string | undefined
  void child.ended.then((how) => {
    ended = how
  })
  const deadline = clock.now() + startDeadlineMilliseconds
  while (ended === undefined && clock.now() < deadline) {
    await clock.sleep(pollMilliseconds)
    if (existsSync(socketPath) && (await answers(client))) return child
  }
  child.kill()
  throw new Failure('Unavailable', `wireguard-go does not start (${ended ?? 'no answer'}): ${said.join(' | ')}`, {
    remedy: `see that ${program} exists and this process has the NET_ADMIN capability and /dev/net/tun`,
  })
}

async function answers(client: UapiClient): Promise<boolean> {
  try {
    await client.request(getRequest)
    return true
  } catch {
    return false
  }
}
