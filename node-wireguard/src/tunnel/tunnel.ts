import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe } from '@trellis/foundation/failure'
import { createGate } from '@trellis/foundation/gate'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Cidr } from '../address.ts'
import type { Resolve } from '../endpoint.ts'
import { endConnections } from '../host/connections.ts'
import { createHost } from '../host/host.ts'
import { type TunnelSizes, tunnelSizes } from '../host/size.ts'
import { linksOf, removeLink } from '../link.ts'
import { readHome } from '../path/home.ts'
import { openLink, type RunningLink } from './link/running-link.ts'
import { createLinkSet, type LinkSet } from './link-set.ts'
import { createLostConnections, namesHere } from './lost-connections.ts'
import { closingDue } from './ranking.ts'
import { createRelayUpkeep, type RelayUpkeep } from './relay-upkeep.ts'
import type { LinkSettings, TunnelSettings } from './settings.ts'
import { statusOf, type TunnelStatus } from './status.ts'
import { createUpkeep, type Upkeep } from './upkeep.ts'
import { hostConfiguration, ownerOf } from './wanted.ts'

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
  /**
   * Takes other settings while packets pass: new links come up beside the others and carry once they answer, links that are gone are closed when
   * nothing uses them any more. Throws when a new link cannot be set up; the others go on.
   */
  change(settings: TunnelSettings): Promise<void>
  /** Asks the other ends to send by other links, and resolves when they do, at most after two seconds. Then this one may stop without a loss. */
  leave(): Promise<void>
}

/** How often devices are asked for their counters, and outgoing links are looked at. */
const lookIntervalMilliseconds = 2000
/** How often the whole configuration is compared with what is, in case somebody else has changed it. */
const resyncIntervalMilliseconds = 60_000
const leaveLimitMilliseconds = 2000
const leavePollMilliseconds = 50
/** How long answers may be under way that were asked for before. */
const leaveSettleMilliseconds = 250

/**
 * Starts one end: devices, addresses, routes, firewall, probes; and keeps it so. Paths are asked several times a second: a destination whose link
 * does not answer is moved to another link that does, and an end that dials forces a new handshake when nothing is answered for
 * a second. Resolves when this end is set up, whether the others answer or not. Throws when it cannot be set up.
 */
export async function startTunnel(options: TunnelOptions): Promise<Tunnel> {
  const { clock } = options
  const life = childSignal(new AbortController().signal)
  const [sizes, home] = await Promise.all([tunnelSizes(options.runner), readHome()])
  const end = createEnd(options, { sizes, home }, life.signal)
  end.former = await formerLinks(options)
  // Settings are taken and links are closed one at a time.
  const turn = createGate(1)
  const stop = async () => {
    life.abort()
    await end.relay[Symbol.asyncDispose]()
    await Promise.all(end.links.all().map((link) => link[Symbol.asyncDispose]()))
    await end.host.idle()
  }
  try {
    await turn(() => takeOver(end, options.settings))
    await removeFormer(end)
  } catch (error) {
    await stop()
    throw error
  }
  const repeating = [
    repeat(clock, lookIntervalMilliseconds, life.signal, () => turn(() => look(end))),
    repeat(clock, resyncIntervalMilliseconds, life.signal, () => turn(() => resync(end))),
  ]
  return {
    status: end.status,
    change: (settings) => turn(() => takeOver(end, settings)),
    leave: () => leave(end),
    [Symbol.asyncDispose]: async () => {
      await stop()
      await Promise.all(repeating)
    },
  }
}

/** What the parts of a running end share. */
interface End {
  readonly options: TunnelOptions
  readonly here: Here
  readonly links: LinkSet
  readonly host: Upkeep
  readonly relay: RelayUpkeep
  settings: TunnelSettings
  leaving: boolean
  /** Interfaces of an earlier life of this end that the configuration has lost since. */
  former: readonly string[]
  /** Decides anew which link carries what, and ends connections that have lost their home. Says whether a route has to move. */
  decide(): boolean
  status(): TunnelStatus
  /** Called when something has changed that ranks depend on. */
  onTurn(): void
  /** Says what is the matter when that is not what was said before. */
  report(): void
}

/** What is known of this network namespace from the beginning. */
interface Here {
  readonly sizes: TunnelSizes
  readonly home: string
}

function createEnd(options: TunnelOptions, here: Here, signal: AbortSignal): End {
  const { clock, random, log, runner } = options
  const links = createLinkSet(log)
  const lostConnections = createLostConnections()
  let reported: string | undefined
  const host = createUpkeep({
    ...{ clock, random, log, signal, what: 'host' },
    configure: async () => {
      const wanted = links.all().map((link) => link.wanted())
      const former = end.former.map((interfaceName) => ({ interfaceName, maximumTransmissionUnit: here.sizes.ceiling }))
      const steps = await createHost(runner).apply(hostConfiguration(end.settings, wanted, links.carriers(), former))
      links.announce()
      return steps.length
    },
  })
  const end: End = {
    ...{ options, here, links, host, leaving: false, former: [] },
    relay: createRelayUpkeep({ clock, random, log }),
    settings: options.settings,
    status: () =>
      statusOf({
        name: end.settings.name,
        tunnelAddresses: end.settings.tunnelAddresses,
        hostProblem: host.problem(),
        switches: links.switches(),
        links: links.statuses(),
      }),
    decide: () => {
      const moves = links.decide()
      const lost = namesHere(lostConnections.since(links.homes()), end.settings)
      if (lost.length > 0) endLost(options, lost)
      return moves
    },
    onTurn: () => {
      if (signal.aborted) return
      if (end.decide()) void host.restore()
      end.report()
    },
    report: () => {
      const { reason, explanation } = end.status()
      if (reason !== reported) log.info({ reason, explanation }, 'the state of the tunnel has changed')
      reported = reason
    },
  }
  return end
}

/** Interfaces outlive the programs that made them. Those that the configuration has had taken away while no program ran are nobody's to close but the next one's. */
async function formerLinks({ runner, settings }: TunnelOptions): Promise<readonly string[]> {
  const present = await linksOf(runner, ownerOf(settings))
  return present.filter((name) => !settings.links.some(({ interfaceName }) => interfaceName === name))
}

/** To be called when routes lead by other links already, so that nothing for the other side ever leaves by the default route. */
async function removeFormer(end: End): Promise<void> {
  const { former, host, options } = end
  if (former.length === 0) return
  // In its turn, so that the host is never compared with a configuration that has them while they go.
  await host.turn(async () => {
    end.former = []
    for (const interfaceName of former) await removeLink(options.runner, interfaceName)
  })
  await host.restore()
  options.log.info({ links: former }, 'links of an earlier life were removed')
}

/** Started before routes move, so that connections by the new way are not among those that it finds. */
function endLost({ runner, log }: TunnelOptions, networks: readonly Cidr[]): void {
  log.info(
    { networks },
    'another end has taken the place of the one by which these were reached: connections through that one are ended',
  )
  endConnections(runner, networks).catch((error: unknown) =>
    log.warn({ problem: describe(error) }, 'connections that are lost were not ended'),
  )
}

/** Changes the links that there are and opens those that there are not. */
async function takeOver(end: End, settings: TunnelSettings): Promise<void> {
  const { links, host } = end
  const { clock } = end.options
  end.settings = settings
  for (const link of links.all()) {
    const found = settings.links.find(({ interfaceName }) => interfaceName === link.interfaceName)
    link.setOutgoing(found === undefined ? (link.outgoingSince() ?? clock.now()) : undefined)
    if (found !== undefined) await link.change(settings, found)
  }
  const present = links.all().map((link) => link.interfaceName)
  const missing = settings.links.filter(({ interfaceName }) => !present.includes(interfaceName))
  const opened = await Promise.allSettled(missing.map((link) => open(end, link)))
  links.add(opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])))
  const failed = opened.find((result) => result.status === 'rejected')
  if (failed?.status === 'rejected' && links.all().length === 0) throw failed.reason
  end.decide()
  await (host.problem() === undefined ? host.restore() : host.start())
  await end.relay.take(settings, settingsOf(links))
  for (const link of links.all()) await link.beginProbes()
  if (failed?.status === 'rejected') throw failed.reason
}

async function open(end: End, link: LinkSettings): Promise<RunningLink> {
  const { settings, options } = end
  const running = await openLink({
    ...options,
    ...{ settings, link, ...end.here, onTurn: end.onTurn, leaving: () => end.leaving },
    onSize: () => void end.host.restore(),
  })
  try {
    await running.configure()
    return running
  } catch (error) {
    await running[Symbol.asyncDispose]()
    throw error
  }
}

async function look(end: End): Promise<void> {
  const { links, options } = end
  await Promise.all(links.all().map((link) => link.look()))
  for (const link of links.all()) {
    const since = link.outgoingSince()
    if (since === undefined) continue
    const { up, carries } = link.ranked()
    const due = closingDue({ now: options.clock.now(), since, up, carries, otherCarries: link.other()?.carries })
    if (due) await close(end, link)
  }
  end.report()
}

/** Of all links that there are, those included that the configuration has no longer: what is on its way by them comes in still. */
function settingsOf(links: LinkSet): readonly LinkSettings[] {
  return links.all().map((link) => link.wanted().link)
}

async function close(end: End, link: RunningLink): Promise<void> {
  const { links, host, relay, options } = end
  links.remove(link)
  end.decide()
  await host.restore()
  relay.setLinks(settingsOf(links))
  await link[Symbol.asyncDispose]()
  await removeLink(options.runner, link.interfaceName)
  options.log.info({ link: link.interfaceName }, 'a link was closed')
}

async function resync({ links, host }: End): Promise<void> {
  await Promise.all(links.all().map((link) => link.restore()))
  await host.restore()
}

async function leave(end: End): Promise<void> {
  const { links, options } = end
  const { clock } = options
  end.leaving = true
  for (const link of links.all()) link.tell()
  const used = () => links.all().some((link) => link.ranked().up && link.other()?.carries === true)
  const deadline = clock.now() + leaveLimitMilliseconds
  while (used() && clock.now() < deadline) await clock.sleep(leavePollMilliseconds)
  await clock.sleep(leaveSettleMilliseconds)
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
