import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe } from '@trellis/foundation/failure'
import { startHealthServer } from '@trellis/foundation/health-server'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { parseIpAddress } from 'node-wireguard/address'
import { type Configuration, defaultLimits, defaultTlsLimits } from './configuration.ts'
import { type Destinations, mergeDestinations } from './destinations/destinations.ts'
import { type FollowedDestinations, followDestinations } from './destinations/follow.ts'
import { forwardedFamilies } from './kernel/forwarding.ts'
import { type KernelFlows, openKernelFlows } from './kernel/kernel-flows.ts'
import { createKernelMaps } from './kernel/kernel-maps.ts'
import { createFrontDoorMetrics } from './metrics.ts'
import { openTlsDoor, type TlsDoor } from './tls/tls-door.ts'
import type { SortingLimits } from './udp/sorter.ts'
import { openUdpDoor, type UdpDoor } from './udp/udp-door.ts'

/** What the door works with. */
export interface FrontDoorEnvironment {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  /** Aborts when the program is asked to end. */
  readonly signal: AbortSignal
}

/** An open front door. */
export interface FrontDoor extends AsyncDisposable {
  readonly healthPort: number
}

/**
 * Opens the front door and follows where it leads. Until that is known it is alive and not ready, and what the kernel forwards goes on. Throws when it cannot listen, when files of destinations
 * cannot be read at first, and the signal's reason when that aborts before it is ready.
 */
export async function openFrontDoor(environment: FrontDoorEnvironment, file: Configuration): Promise<FrontDoor> {
  await using stack = new AsyncDisposableStack()
  const { udp, tls, kernel } = await openSides(environment, file, stack)
  const leading = leadTo(udp, tls, environment.log)
  let sources: FollowedDestinations | undefined
  const state = () => ({
    udp: udp.counts,
    flows: udp.flows(),
    tls: tls?.counts(),
    destinations: leading.counts(),
  })
  const health = await startHealthServer({
    host: file.healthHost ?? '0.0.0.0',
    port: file.healthPort,
    ready: () => (sources === undefined ? 'it is not known yet where the door leads' : undefined),
    // A door goes on with what it knows when a change cannot be read or made: readiness stays, and this tells.
    checks: { problemz: () => sources?.problem() ?? kernel?.problem() },
    metrics: createFrontDoorMetrics(state),
    status: state,
  })
  stack.use(health)
  sources = stack.use(await followDestinations(environment, file.destinations, leading.change))
  const resources = stack.move()
  return { healthPort: health.port, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

/** The parts that take packets and streams, in the order in which they are opened. */
async function openSides(environment: FrontDoorEnvironment, file: Configuration, stack: AsyncDisposableStack) {
  const { clock, log } = environment
  const limits = { ...defaultLimits, ...file.udp.limits }
  const kernel = await openKernel(environment, file, limits)
  if (kernel !== undefined) stack.use(kernel)
  const tls = await openTls(environment, file)
  if (tls !== undefined) stack.use(tls)
  const place = { addresses: addressesOf(file.udp, 'udp'), port: file.udp.port }
  const neighbours: TlsDoor['serversOf'] = (address) => tls?.serversOf(address) ?? []
  const extra = kernel === undefined ? {} : { kernel }
  const udp = stack.use(await openUdpDoor({ clock, log, limits, neighbours, ...place, ...extra }))
  return { udp, tls, kernel }
}

function leadTo(udp: UdpDoor, tls: TlsDoor | undefined, log: Log) {
  let counts = { tunnels: 0, servers: 0, refused: 0 }
  return {
    counts: () => counts,
    change: (sources: readonly Destinations[]) => {
      const { destinations, refused } = mergeDestinations(sources)
      for (const reason of refused) log.error({ reason }, 'a destination claims what is of another')
      counts = {
        tunnels: destinations.tunnels.length,
        servers: destinations.servers.length,
        refused: refused.length,
      }
      udp.setDestinations(destinations.tunnels)
      tls?.setDestinations(destinations.servers)
    },
  }
}

async function openTls(environment: FrontDoorEnvironment, { tls }: Configuration): Promise<TlsDoor | undefined> {
  if (tls === undefined) return undefined
  const limits = { ...defaultTlsLimits, ...tls.limits }
  const { clock, random } = environment
  return openTlsDoor({ clock, random, limits, port: tls.port, addresses: addressesOf(tls, 'tls') })
}

function addressesOf({ addresses = ['0.0.0.0'] }: { readonly addresses?: readonly string[] }, part: 'udp' | 'tls') {
  return addresses.map((one, index) => parseIpAddress(one, `${part}.addresses[${index}]`))
}

/** The kernel's part, unless the configuration does not want it, or wants it only where it can be had. */
async function openKernel(
  environment: FrontDoorEnvironment,
  { udp }: Configuration,
  { perNetwork }: SortingLimits,
): Promise<KernelFlows | undefined> {
  const { log, runner } = environment
  if (udp.forwarding === 'userspace') return undefined
  try {
    const families = await forwardedFamilies(runner, log)
    const maps = createKernelMaps(runner, { port: udp.port, perNetwork })
    return await openKernelFlows({ ...environment, families, maps })
  } catch (error) {
    if (udp.forwarding === 'kernel') throw error
    log.warn({ problem: describe(error) }, 'the kernel cannot be used; all packets pass this program')
    return undefined
  }
}
