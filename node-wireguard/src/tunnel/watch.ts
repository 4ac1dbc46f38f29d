import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { ResolvedEndpoint } from '../endpoint.ts'
import { type PathState, unknownPath } from '../path/state.ts'
import type { Dial } from './dial.ts'
import type { LinkDevice } from './link-device.ts'
import { nothingObserved, observe } from './observation.ts'
import { repairDue } from './repair.ts'
import type { TunnelSettings } from './settings.ts'
import { roleOf, statusOf, type TunnelStatus } from './status.ts'

/** What watching a tunnel takes. */
export interface WatchOptions {
  readonly clock: Clock
  readonly log: Log
  readonly settings: TunnelSettings
  readonly link: LinkDevice
  readonly dial: Dial
  readonly maximumTransmissionUnit: number
  /** Why the tunnel is not set up; undefined when it is. */
  readonly problem: () => string | undefined
  /** Called when an end that dials should begin a new handshake; with how often that was so since the path was last up. */
  readonly repair: (timesInRow: number) => void
}

/** Knows how a tunnel is and says when something must be done. */
export interface Watch {
  pathUp(): boolean
  /** Where the other end was last heard from. */
  remembered(): ResolvedEndpoint | undefined
  status(): TunnelStatus
  /** Asks the device for its counters; never throws. */
  look(): Promise<void>
  /** Takes note of a probe. */
  onPath(state: PathState): void
}

/** Makes a watch. Each change of state is logged once. */
export function createWatch(options: WatchOptions): Watch {
  const { clock, log, settings, link, dial } = options
  let observation = nothingObserved
  let path = unknownPath
  let repairs = 0
  let repairsInRow = 0
  let lastRepair: number | undefined
  let reported: string | undefined

  const status = () =>
    statusOf({
      settings,
      implementation: link.implementation,
      maximumTransmissionUnit: options.maximumTransmissionUnit,
      path,
      observation,
      problem: link.problem() ?? options.problem(),
      endpointKnown: dial.current() !== undefined,
      repairs,
      restarts: link.restarts(),
    })

  async function look(): Promise<void> {
    try {
      const { peers } = await link.device.read()
      const peer = peers.find(({ publicKey }) => publicKey === settings.peer.publicKey)
      observation = observe(observation, peer, path.up)
    } catch (error) {
      log.debug({ problem: describe(error) }, 'the device does not answer')
    }
    reported = report(log, status(), reported)
  }

  return {
    pathUp: () => path.up,
    remembered: () => observation.endpoint,
    status,
    look,
    onPath: (state) => {
      const turned = state.up !== path.up
      path = state
      if (turned) void look()
      if (state.up) repairsInRow = 0
      if (roleOf(settings) === 'listener') return
      if (!repairDue(state, lastRepair, clock.now(), settings.probe.intervalMilliseconds)) return
      lastRepair = clock.now()
      repairs++
      options.repair(++repairsInRow)
    },
  }
}

/** Says what is the matter when that is not what was said before. */
function report(log: Log, { reason, explanation }: TunnelStatus, before: string | undefined): string {
  if (reason !== before) log.info({ reason, explanation }, 'the state of the tunnel has changed')
  return reason
}
