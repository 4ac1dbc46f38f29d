import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe, InvariantError, isTransient } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'
import type { WireGuardDevice } from '../device.ts'
import type { ResolvedEndpoint } from '../endpoint.ts'
import { createHost } from '../host/host.ts'
import type { Dial } from './dial.ts'
import type { TunnelSettings } from './settings.ts'
import { deviceConfiguration, hostConfiguration } from './wanted.ts'

/** What setting a tunnel up takes. */
export interface ConfiguratorOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  readonly settings: TunnelSettings
  readonly device: WireGuardDevice
  readonly dial: Dial
  readonly maximumTransmissionUnit: number
  /** Whether the other end answers now: then the device knows better than the configuration where it is. */
  readonly pathUp: () => boolean
  /** Where the other end was last heard from. */
  readonly remembered: () => ResolvedEndpoint | undefined
  readonly signal: AbortSignal
}

/** Makes device and host what the settings say. Changes are made one at a time, in the order in which they were asked for. */
export interface Configurator {
  /** Sets everything up, trying for half a minute. Throws when that is not possible. */
  start(): Promise<void>
  /** Sets everything right again, however long that takes; never throws. */
  restore(): Promise<void>
  /** Adds the peer anew, which drops what is left of its session, so that the next packet begins a handshake; by a new source port when asked and none is configured. */
  renewPeer(byNewPort: boolean): Promise<void>
  /** Resolves when nothing is being changed any more. */
  idle(): Promise<void>
  /** Why the tunnel is not set up; undefined when it is. */
  problem(): string | undefined
}

const startDeadlineMilliseconds = 30_000
const backoff = { firstMilliseconds: 100, longestMilliseconds: 5000 }

/** Makes a configurator; it does nothing until it is asked. */
export function createConfigurator(options: ConfiguratorOptions): Configurator {
  const { clock, random, log, settings, device, dial, signal } = options
  const host = createHost(options.runner)
  let problem: string | undefined = 'it is being set up'
  const turns = createTurns()

  async function configure(): Promise<void> {
    try {
      const { peers } = await device.read()
      const learned = peers.find((peer) => peer.publicKey === settings.peer.publicKey)?.endpoint
      const applied = await device.apply(deviceConfiguration(settings, endpointFor(options, learned)))
      const steps = await host.apply(hostConfiguration(settings, options.maximumTransmissionUnit))
      problem = undefined
      const changes = applied.changes.length
      if (changes + steps.length > 0) log.info({ changes, steps: steps.length }, 'the tunnel was configured')
    } catch (error) {
      problem = describe(error)
      throw error
    }
  }

  function configureUntil(deadlineMilliseconds: number, retryable: (error: unknown) => boolean): Promise<void> {
    return retry(() => turns.take(configure), {
      ...{ clock, random, backoff, signal, deadlineMilliseconds, retryable },
      onRetry: () => log.warn({ problem }, 'the tunnel cannot be configured yet'),
    })
  }

  return {
    start: () => configureUntil(startDeadlineMilliseconds, isTransient),
    restore: () =>
      configureUntil(Number.POSITIVE_INFINITY, notABug).catch((error: unknown) =>
        log.debug({ problem: describe(error) }, 'the tunnel is not restored'),
      ),
    renewPeer: (byNewPort) =>
      turns.take(async () => {
        const whole = deviceConfiguration(settings, dial.current() ?? options.remembered())
        // Port 0 lets the device choose.
        const listenPort = byNewPort ? (settings.listenPort ?? 0) : settings.listenPort
        await device.apply({ ...whole, listenPort, peers: [] })
        await device.apply(whole)
      }),
    idle: turns.idle,
    problem: () => problem,
  }
}

/** A device that begins anew has forgotten what it learned, so it is told; one that has not is left alone while the path is up. */
function endpointFor(
  { dial, pathUp, remembered }: ConfiguratorOptions,
  learned: ResolvedEndpoint | undefined,
): ResolvedEndpoint | undefined {
  if (learned === undefined) return dial.current() ?? remembered()
  return pathUp() ? undefined : dial.current()
}

function notABug(error: unknown): boolean {
  return !(error instanceof InvariantError)
}

/** Lets one work at a time, in the order of asking; a failure holds up nobody. */
function createTurns(): { take(work: () => Promise<void>): Promise<void>; idle(): Promise<void> } {
  let last: Promise<void> = Promise.resolve()
  return {
    take: (work) => {
      const done = last.then(work)
      last = done.catch(() => {})
      return done
    },
    idle: () => last,
  }
}
