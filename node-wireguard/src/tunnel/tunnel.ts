import { lookup } from 'node:dns/promises'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe, InvariantError } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { IpAddress } from '../address.ts'
import type { Resolve } from '../endpoint.ts'
import { tunnelSize } from '../host/size.ts'
import { type PathProbe, startPathProbe } from '../path/probe.ts'
import { type Configurator, createConfigurator } from './configurator.ts'
import { createDial, type Dial } from './dial.ts'
import { type LinkDevice, openLinkDevice } from './link-device.ts'
import { newPortDue } from './repair.ts'
import type { TunnelSettings } from './settings.ts'
import type { TunnelStatus } from './status.ts'
import { createWatch, type Watch } from './watch.ts'

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

/** How often the device is asked for its counters. */
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
  const { log, settings } = options
  const life = childSignal(new AbortController().signal)
  const dial = createDial(settings.peer.endpoint, settings.networksBehindPeer, options.resolve ?? resolveHere, log)
  let restore = () => {}
  const link = await openLinkDevice({ ...options, ...settings, onStart: () => restore() })
  const maximumTransmissionUnit = settings.maximumTransmissionUnit ?? (await tunnelSize(options.runner))
  const { watch, configurator } = assemble({ ...options, link, dial, maximumTransmissionUnit }, life.signal)
  try {
    await dial.refresh()
    await configurator.start()
    restore = () => void configurator.restore()
    const probe = await probePath(options, watch)
    const repeating = [
      repeat(options.clock, lookIntervalMilliseconds, life.signal, watch.look),
      repeat(options.clock, resyncIntervalMilliseconds, life.signal, configurator.restore),
    ]
    return {
      status: watch.status,
      [Symbol.asyncDispose]: async () => {
        life.abort()
        await Promise.all(repeating)
        await probe[Symbol.asyncDispose]()
        await configurator.idle()
        await link[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    life.abort()
    await link[Symbol.asyncDispose]()
    throw error
  }
}

/** Joins the one who watches to the one who repairs; each asks the other only while running. */
function assemble(
  options: TunnelOptions & {
    readonly link: LinkDevice
    readonly dial: Dial
    readonly maximumTransmissionUnit: number
  },
  signal: AbortSignal,
): { readonly watch: Watch; readonly configurator: Configurator } {
  const watch: Watch = createWatch({
    ...options,
    problem: () => configurator.problem(),
    repair: (timesInRow) => {
      options.dial.next()
      configurator
        .renewPeer(newPortDue(timesInRow))
        .catch((error: unknown) => options.log.warn({ problem: describe(error) }, 'the peer was not added anew'))
    },
  })
  const configurator: Configurator = createConfigurator({
    ...options,
    device: options.link.device,
    pathUp: () => watch.pathUp(),
    remembered: () => watch.remembered(),
    signal,
  })
  return { watch, configurator }
}

function probePath({ clock, random, settings }: TunnelOptions, watch: Watch): Promise<PathProbe> {
  const [localAddress, peerAddress]: readonly (IpAddress | undefined)[] = [
    settings.tunnelAddresses[0],
    settings.peerAddresses[0],
  ]
  if (localAddress === undefined || peerAddress === undefined)
    throw new InvariantError('settings came without tunnel addresses')
  return startPathProbe({ clock, random, localAddress, peerAddress, ...settings.probe, onChange: watch.onPath })
}

async function repeat(
  clock: Clock,
  intervalMilliseconds: number,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(intervalMilliseconds, signal).catch(() => {})
    if (!signal.aborted) await work()
  }
}
