import { lookup } from 'node:dns/promises'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe, InvariantError, isTransient } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'
import type { DeviceConfiguration } from '../device.ts'
import type { Resolve, ResolvedEndpoint } from '../endpoint.ts'
import { createHost } from '../host/host.ts'
import { type PathProbe, startPathProbe } from '../path/probe.ts'
import { type PathState, unknownPath } from '../path/state.ts'
import { createDial } from './dial.ts'
import { openLinkDevice } from './link-device.ts'
import { nothingObserved, observe } from './observation.ts'
import { repairDue } from './repair.ts'
import type { TunnelSettings } from './settings.ts'
import { roleOf, statusOf, type TunnelStatus } from './status.ts'
import { deviceConfiguration, hostConfiguration } from './wanted.ts'

/** What running one end of a tunnel takes. */
export interface TunnelOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  readonly settings: TunnelSettings
  /** Looks names up; the machine's resolver unless told. */
  readonly resolve?: Resolve
}

/** One running end of a tunnel. */
export interface Tunnel extends AsyncDisposable {
  status(): TunnelStatus
}

const startDeadlineMilliseconds = 30_000
const backoff = { firstMilliseconds: 100, longestMilliseconds: 5000 }
const lookIntervalMilliseconds = 2000
/** How often the whole configuration is compared with what is, in case somebody else has changed it. */
const resyncIntervalMilliseconds = 60_000

const resolveHere: Resolve = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address)

/**
 * Starts one end: device, addresses, routes, firewall, probes; and keeps it so. The path is asked several times a second, and an end that dials
 * forces a new handshake as soon as two questions in a row go unanswered, so a restarted other end is found within a second or two.
 * Resolves when this end is set up, whether the other answers or not. Throws when it cannot be set up.
 */
export async function startTunnel(options: TunnelOptions): Promise<Tunnel> {
  const { clock, random, log, runner, settings } = options
  const host = createHost(runner)
  const dial = createDial(settings.peer.endpoint, options.resolve ?? resolveHere, log)
  const life = childSignal(new AbortController().signal)
  let observation = nothingObserved
  let path: PathState = unknownPath
  let problem: string | undefined = 'the tunnel is starting'
  let repairs = 0
  let lastRepair: number | undefined
  let started = false

  const link = await openLinkDevice({
    ...options,
    ...settings,
    onStart: () => {
      if (started) void configureUntilDone()
    },
  })

  /** Device and host are changed by one at a time, in the order in which it was asked for. */
  let queue: Promise<unknown> = Promise.resolve()
  function exclusively<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = queue.then(work)
    queue = done.catch(() => {})
    return done
  }

  /** A device that begins anew has forgotten what it learned; one that has not knows better than the configuration while the path is up. */
  function endpointFor(learned: ResolvedEndpoint | undefined): ResolvedEndpoint | undefined {
    if (learned === undefined) return dial.current() ?? observation.endpoint
    return path.up ? undefined : dial.current()
  }

  async function configure(): Promise<void> {
    try {
      const { peers } = await link.device.read()
      const learned = peers.find((peer) => peer.publicKey === settings.peer.publicKey)?.endpoint
      const applied = await link.device.apply(deviceConfiguration(settings, endpointFor(learned)))
      const steps = await host.apply(hostConfiguration(settings))
      if (applied.changes.length + steps.length > 0)
        log.info({ changes: applied.changes.length, steps: steps.length }, 'the tunnel was configured')
      problem = undefined
    } catch (error) {
      problem = describe(error)
      throw error
    }
  }

  const retrying = { clock, random, backoff, signal: life.signal }

  async function configureUntilDone(): Promise<void> {
    await retry(() => exclusively(configure), {
      ...retrying,
      deadlineMilliseconds: Number.POSITIVE_INFINITY,
      retryable: () => true,
      onRetry: () => log.warn({ problem }, 'the tunnel cannot be configured yet'),
    }).catch(() => {})
  }

  /** Adds the peer anew, which drops what is left of its session, so that the next packet begins a handshake. */
  async function repair(): Promise<void> {
    const whole = deviceConfiguration(settings, dial.current() ?? observation.endpoint)
    const without: DeviceConfiguration = { ...whole, peers: [] }
    await link.device.apply(without)
    await link.device.apply(whole)
    repairs++
  }

  function onPath(state: PathState): void {
    const turned = state.up !== path.up
    path = state
    if (turned) void look()
    const now = clock.now()
    if (roleOf(settings) === 'listener' || !repairDue(state, lastRepair, now, settings.probe.intervalMilliseconds))
      return
    lastRepair = now
    dial.next()
    exclusively(repair).catch((error: unknown) => log.warn({ problem: describe(error) }, 'the peer was not added anew'))
  }

  let reported: string | undefined
  async function look(): Promise<void> {
    try {
      const { peers } = await link.device.read()
      observation = observe(
        observation,
        peers.find((peer) => peer.publicKey === settings.peer.publicKey),
        path.up,
      )
    } catch (error) {
      log.debug({ problem: describe(error) }, 'the device does not answer')
    }
    const { reason, explanation } = status()
    if (reason !== reported) log.info({ reason, explanation }, 'the state of the tunnel has changed')
    reported = reason
  }

  async function repeat(intervalMilliseconds: number, work: () => Promise<void>): Promise<void> {
    while (!life.signal.aborted) {
      await clock.sleep(intervalMilliseconds, life.signal).catch(() => {})
      if (!life.signal.aborted) await work()
    }
  }

  function status(): TunnelStatus {
    return statusOf({
      settings,
      implementation: link.implementation,
      path,
      observation,
      problem: link.problem() ?? problem,
      endpointKnown: dial.current() !== undefined,
      repairs,
      restarts: link.restarts(),
    })
  }

  let probe: PathProbe
  try {
    await dial.refresh()
    await retry(() => exclusively(configure), {
      ...retrying,
      deadlineMilliseconds: startDeadlineMilliseconds,
      retryable: isTransient,
    })
    probe = await startPathProbe({
      clock,
      random,
      localAddress: first(settings.tunnelAddresses),
      peerAddress: first(settings.peerAddresses),
      ...settings.probe,
      onChange: onPath,
    })
  } catch (error) {
    await link[Symbol.asyncDispose]()
    throw error
  }
  started = true
  const repeating = [repeat(lookIntervalMilliseconds, look), repeat(resyncIntervalMilliseconds, configureUntilDone)]

  return {
    status,
    [Symbol.asyncDispose]: async () => {
      life.abort()
      await Promise.all(repeating)
      await probe[Symbol.asyncDispose]()
      await queue
      await link[Symbol.asyncDispose]()
    },
  }
}

function first<Value>(values: readonly Value[]): Value {
  const [value] = values
  if (value === undefined) throw new InvariantError('settings came without a tunnel address')
  return value
}
