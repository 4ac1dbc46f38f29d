import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { DeviceConfiguration, WireGuardDevice } from '../../device.ts'
import type { ResolvedEndpoint } from '../../endpoint.ts'
import { createUpkeep, type Upkeep } from '../upkeep.ts'

/** What keeping a link's device as it should be takes. */
export interface DeviceUpkeepOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly device: WireGuardDevice
  /** Where the other end is dialled now; undefined when it is not. */
  readonly dialled: () => ResolvedEndpoint | undefined
  /** What the device should be when it dials this endpoint; undefined leaves what it has learned. */
  readonly wanted: (endpoint: ResolvedEndpoint | undefined) => DeviceConfiguration
  /** Whether the other end answers now: then the device knows better than the configuration where it is. */
  readonly pathUp: () => boolean
  /** Where the other end was last heard from. */
  readonly remembered: () => ResolvedEndpoint | undefined
  readonly signal: AbortSignal
}

/** The upkeep of a device that has one peer. */
export interface DeviceUpkeep extends Upkeep {
  /** Adds the peer anew, which drops what is left of its session, so that the next packet begins a handshake; by a new source port when asked and none is configured. */
  renewPeer(byNewPort: boolean): Promise<void>
  /** Points the device at what is dialled now, whatever it has learned; the session lives on. */
  point(): Promise<void>
}

/** Makes the upkeep of a device; it does nothing until it is asked. */
export function createDeviceUpkeep(options: DeviceUpkeepOptions): DeviceUpkeep {
  const { device, dialled, wanted, remembered } = options
  const upkeep = createUpkeep({
    ...options,
    what: 'device',
    configure: async () => {
      const { peers } = await device.read()
      const publicKey = wanted(undefined).peers[0]?.publicKey
      const learned = peers.find((peer) => peer.publicKey === publicKey)?.endpoint
      const { changes } = await device.apply(wanted(endpointFor(options, learned)))
      return changes.length
    },
  })
  return {
    ...upkeep,
    point: () =>
      upkeep.turn(async () => {
        await device.apply(wanted(dialled()))
      }),
    renewPeer: (byNewPort) =>
      upkeep.turn(async () => {
        const whole = wanted(dialled() ?? remembered())
        // Port 0 lets the device choose.
        const listenPort = byNewPort ? (whole.listenPort ?? 0) : whole.listenPort
        await device.apply({ ...whole, listenPort, peers: [] })
        await device.apply(whole)
      }),
  }
}

/** A device that begins anew has forgotten what it learned, so it is told; one that has not is left alone while the path is up. */
function endpointFor(
  { dialled, pathUp, remembered }: DeviceUpkeepOptions,
  learned: ResolvedEndpoint | undefined,
): ResolvedEndpoint | undefined {
  if (learned === undefined) return dialled() ?? remembered()
  return pathUp() ? undefined : dialled()
}
