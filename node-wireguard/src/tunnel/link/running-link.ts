import { lookup } from 'node:dns/promises'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe, Failure } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { familyOf } from '../../address.ts'
import type { Resolve } from '../../endpoint.ts'
import { receivedPackets } from '../../host/received.ts'
import type { TunnelSizes } from '../../host/size.ts'
import type { EndState } from '../../path/message.ts'
import { type OtherEnd, type PathProbe, type PathProbeOptions, startPathProbe } from '../../path/probe.ts'
import type { SizeLimits } from '../../path/size-search.ts'
import { isSteady, type PathEvent, type PathState } from '../../path/state.ts'
import type { RankedLink } from '../ranking.ts'
import type { LinkSettings, TunnelSettings } from '../settings.ts'
import { destinationsOf, deviceConfiguration, ownerOf, type WantedLink } from '../wanted.ts'
import { type LinkDevice, openLinkDevice } from './link-device.ts'
import { type LinkStatus, linkStatusOf, roleOf } from './link-status.ts'
import { newPortDue } from './repair.ts'
import { createDeviceUpkeep, type DeviceUpkeep } from './upkeep.ts'
import { createLinkWatch, type LinkWatch } from './watch.ts'
import { createLinkWay } from './way.ts'

/** What running a link takes. */
export interface RunningLinkOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  readonly settings: TunnelSettings
  readonly link: LinkSettings
  readonly sizes: TunnelSizes
  /** What stands for this network namespace. */
  readonly home: string
  /** Called when packets may have another size than before. */
  readonly onSize: () => void
  /** Looks names up; the machine's resolver unless told. */
  readonly resolve?: Resolve | undefined
  /** Whether this end is about to stop. */
  readonly leaving: () => boolean
  /** Called when something has changed that ranks depend on. */
  readonly onTurn: () => void
}

/** A link with its device, probes and repairs. */
export interface RunningLink extends AsyncDisposable {
  readonly interfaceName: string
  /** Sets the device up; throws when that is not possible within half a minute. */
  configure(): Promise<void>
  /** Begins to ask the other end; the host must have the link's addresses. */
  beginProbes(): Promise<void>
  /** Takes other settings for the same interface. Keys other than the preshared one end the session. */
  change(settings: TunnelSettings, link: LinkSettings): Promise<void>
  /** Sets the device right again and asks it for its counters; never throws. */
  restore(): Promise<void>
  look(): Promise<void>
  wanted(): WantedLink
  ranked(): RankedLink
  /** What the other end last said of itself. */
  other(): OtherEnd | undefined
  /** Takes note of whether something leads through this link, and tells the other end at once when that is new. */
  setCarries(carries: boolean): void
  /** When the configuration ceased to have this link; undefined while it has it. */
  outgoingSince(): number | undefined
  setOutgoing(since: number | undefined): void
  /** Tells the other end at once how this one is. */
  tell(): void
  status(): LinkStatus
}

const resolveHere: Resolve = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address)

/** Opens a link's device. It is not set up yet. Throws when there can be none. */
export async function openLink(options: RunningLinkOptions): Promise<RunningLink> {
  const { clock, random, log, onTurn } = options
  const life = childSignal(new AbortController().signal)
  let { settings, link } = options
  const openWay = () =>
    createLinkWay({
      ...{ clock, random, log, settings, link, resolve: options.resolve ?? resolveHere },
      pointDevice: () => upkeep.point(),
    })
  let way = openWay()
  let carries = false
  let outgoingSince: number | undefined
  let probe: PathProbe | undefined
  let started = false
  const device = await openLinkDevice({
    ...options,
    interfaceName: link.interfaceName,
    owner: ownerOf(settings),
    implementation: settings.implementation,
    wireGuardGo: settings.wireGuardGo,
    onStart: () => {
      if (started) void upkeep.restore()
    },
  })
  const watch: LinkWatch = createLinkWatch({
    ...{ clock, log, onTurn },
    device: device.device,
    peerKey: () => link.peer.publicKey,
    probeIntervalMilliseconds: settings.probe.intervalMilliseconds,
    dials: () => roleOf(link) === 'dialer',
    repair: (timesInRow) => {
      way.next()
      upkeep
        .renewPeer(newPortDue(timesInRow))
        .catch((error: unknown) => log.warn({ problem: describe(error) }, 'the peer was not added anew'))
    },
  })
  const upkeep: DeviceUpkeep = createDeviceUpkeep({
    ...{ clock, random, log, signal: life.signal, device: device.device },
    dialled: () => way.current(),
    wanted: (endpoint) => deviceConfiguration(settings, link, endpoint),
    pathUp: () => watch.path().up,
    remembered: watch.remembered,
  })
  const onPath = (state: PathState, event: PathEvent) => {
    way.onPath(event)
    watch.onPath(state)
  }
  // Told in the configuration, or found by probes, which the interface must let through.
  const interfaceSize = () => settings.maximumTransmissionUnit ?? options.sizes.ceiling
  const size = () => settings.maximumTransmissionUnit ?? probe?.size() ?? options.sizes.start
  const own = (): EndState => ({ carries, leaving: options.leaving() })
  const outgoing = () => outgoingSince !== undefined || probe?.other()?.leaving === true

  return {
    interfaceName: link.interfaceName,
    configure: async () => {
      await way.refresh()
      await upkeep.start()
      started = true
    },
    beginProbes: async () => {
      probe ??= await probeOf(options, settings, link, {
        ...{ own, onOther: onTurn, onChange: onPath, received: () => receivedPackets(link.interfaceName) },
        sizes:
          settings.maximumTransmissionUnit === undefined
            ? { limits: limitsOf(settings, options.sizes), onSize: options.onSize }
            : undefined,
      })
    },
    change: async (nextSettings, nextLink) => {
      const samePlaces = JSON.stringify(placesOf(link)) === JSON.stringify(placesOf(nextLink))
      const sameWay = JSON.stringify(wayOf(link)) === JSON.stringify(wayOf(nextLink))
      settings = nextSettings
      link = nextLink
      if (!sameWay) {
        await way[Symbol.asyncDispose]()
        way = openWay()
        await way.refresh()
      }
      await upkeep.restore()
      if (samePlaces) return
      await probe?.[Symbol.asyncDispose]()
      probe = undefined
    },
    restore: upkeep.restore,
    look: watch.look,
    wanted: () => ({ link, maximumTransmissionUnit: interfaceSize(), size: size() }),
    ranked: () => ({
      interfaceName: link.interfaceName,
      up: watch.path().up && problemOf(device, upkeep) === undefined,
      steady: isSteady(watch.path()),
      outgoing: outgoing(),
      carries,
      destinations: destinationsOf(settings, link),
    }),
    other: () => probe?.other(),
    setCarries: (now) => {
      const isNew = now !== carries
      carries = now
      if (isNew) probe?.ask()
    },
    outgoingSince: () => outgoingSince,
    setOutgoing: (since) => {
      outgoingSince = since
    },
    tell: () => probe?.ask(),
    status: () =>
      linkStatusOf({
        settings: link,
        implementation: device.implementation,
        maximumTransmissionUnit: size(),
        path: watch.path(),
        observation: watch.observation(),
        problem: problemOf(device, upkeep),
        endpointKnown: way.current() !== undefined,
        dialsBy: way.transport(),
        ...{ carries, outgoing: outgoing() },
        outages: watch.outages(),
        repairs: watch.repairs(),
        restarts: device.restarts(),
      }),
    [Symbol.asyncDispose]: async () => {
      life.abort()
      await probe?.[Symbol.asyncDispose]()
      await way[Symbol.asyncDispose]()
      await upkeep.idle()
      await device[Symbol.asyncDispose]()
    },
  }
}

function problemOf(device: LinkDevice, upkeep: DeviceUpkeep): string | undefined {
  return device.problem() ?? upkeep.problem()
}

/** What a way is made of. */
function wayOf({ peer }: LinkSettings): readonly unknown[] {
  return [peer.endpoint, peer.fallback]
}

/** What a probe is bound to. */
function placesOf({ addresses, peer }: LinkSettings): readonly unknown[] {
  return [addresses[0], peer.addresses[0]]
}

/** IPv6 works with no less than 1,280 bytes. */
function limitsOf({ tunnelAddresses }: TunnelSettings, sizes: TunnelSizes): SizeLimits {
  return { ...sizes, floor: tunnelAddresses.some((address) => familyOf(address) === 6) ? 1280 : 576 }
}

type ProbeListeners = Pick<PathProbeOptions, 'own' | 'onOther' | 'onChange' | 'sizes' | 'received'>

function probeOf(
  { clock, random, home }: RunningLinkOptions,
  { probe }: TunnelSettings,
  { addresses, peer }: LinkSettings,
  listeners: ProbeListeners,
): Promise<PathProbe> {
  const [localAddress, peerAddress] = [addresses[0], peer.addresses[0]]
  if (localAddress === undefined || peerAddress === undefined)
    throw new Failure('Invalid', 'a link needs an address at each end', { field: 'links' })
  return startPathProbe({ clock, random, home, localAddress, peerAddress, ...probe, ...listeners })
}
