import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { IpAddress } from 'node-wireguard/address'
import type { TunnelDestination } from '../destinations/destinations.ts'
import type { KernelFlows } from '../kernel/kernel-flows.ts'
import type { UdpCounts } from './counts.ts'
import type { FlowLimits } from './flow-table.ts'
import { type Listener, listen } from './listener.ts'
import type { SortingLimits } from './sorter.ts'
import { createSwitchboard, type Switchboard } from './switchboard.ts'

/** What the UDP side of the door takes. */
export interface UdpDoorOptions {
  readonly clock: Clock
  readonly log: Log
  readonly addresses: readonly IpAddress[]
  readonly port: number
  readonly limits: FlowLimits & SortingLimits
  /** Forwards what it can by itself; without it everything passes this program. */
  readonly kernel?: KernelFlows
  /** Addresses of servers that have TLS connections from an address now. */
  readonly neighbours: (address: IpAddress) => readonly IpAddress[]
}

/** The UDP side of the front door. */
export interface UdpDoor extends AsyncDisposable {
  readonly counts: UdpCounts
  /** Port of each listener, in the order of the addresses. */
  readonly ports: readonly number[]
  setDestinations(tunnels: readonly TunnelDestination[]): void
  /** How many flows the kernel carries, and how many ways there are through this program. */
  flows(): { readonly kernel: number; readonly userspace: number }
}

const sweepMilliseconds = 10_000
/** The kernel is asked what it has forwarded at every third sweep. */
const sweepsBetweenLooks = 3

/** Opens the door, which leads nowhere yet. Throws `Unavailable` that names the field when it cannot listen. */
export async function openUdpDoor(options: UdpDoorOptions): Promise<UdpDoor> {
  const { clock, log, kernel, limits, neighbours } = options
  const extra = kernel === undefined ? {} : { kernel }
  const switchboard = createSwitchboard({ log, limits, neighbours, now: clock.now, ...extra })
  await using stack = new AsyncDisposableStack()
  stack.defer(switchboard.closeAll)
  const listeners: Listener[] = []
  for (const [index, address] of options.addresses.entries()) {
    const listener = await listen({
      address,
      port: options.port,
      field: `udp.addresses[${index}]`,
      onPacket: (bytes, source, at) => switchboard.receive(bytes, source, { listener: at, now: clock.now() }),
    })
    listeners.push(stack.use(listener))
  }
  const life = childSignal(new AbortController().signal)
  const watching = watch(options, switchboard, life.signal)
  stack.defer(async () => {
    life.abort()
    await watching
  })
  const resources = stack.move()
  return {
    counts: switchboard.counts,
    ports: listeners.map(({ port }) => port),
    flows: switchboard.flows,
    setDestinations: (tunnels) => switchboard.setDestinations(tunnels, clock.now()),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** Looks at what the kernel has forwarded and lets go of what is quiet, until the signal aborts. */
async function watch(
  { clock, log, kernel }: UdpDoorOptions,
  switchboard: Switchboard,
  signal: AbortSignal,
): Promise<void> {
  for (let sweeps = 1; !signal.aborted; sweeps++) {
    try {
      await clock.sleep(sweepMilliseconds, signal)
      if (kernel !== undefined && sweeps % sweepsBetweenLooks === 0) {
        switchboard.noteTraffic(await kernel.read(), clock.now())
      }
    } catch (error) {
      if (signal.aborted) return
      log.warn({ problem: describe(error) }, 'the kernel does not say what it has forwarded')
    }
    switchboard.sweep(clock.now())
  }
}
