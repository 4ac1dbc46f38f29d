import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { WireGuardDevice } from '../../device.ts'
import type { ResolvedEndpoint } from '../../endpoint.ts'
import type { PublicKey } from '../../key.ts'
import { isSteady, type PathState, unknownPath } from '../../path/state.ts'
import { nothingObserved, type Observation, observe } from './observation.ts'
import { repairDue } from './repair.ts'

/** What watching a link takes. */
export interface LinkWatchOptions {
  readonly clock: Clock
  readonly log: Log
  readonly device: WireGuardDevice
  readonly peerKey: () => PublicKey
  readonly probeIntervalMilliseconds: number
  /** Whether this end begins handshakes: then it is this end that repairs. */
  readonly dials: () => boolean
  /** Called when a new handshake should begin; with how often that was so since the path was last up. */
  readonly repair: (timesInRow: number) => void
  /** Called when the other end begins or ceases to answer, and once it has answered steadily. */
  readonly onTurn: () => void
}

/** Knows how a link is and says when something must be done. */
export interface LinkWatch {
  path(): PathState
  observation(): Observation
  /** Where the other end was last heard from. */
  remembered(): ResolvedEndpoint | undefined
  repairs(): number
  /** How often the other end ceased to answer. */
  outages(): number
  /** Asks the device for its counters; never throws. */
  look(): Promise<void>
  /** Takes note of a probe. */
  onPath(state: PathState): void
}

const programStartMilliseconds = 5000

/** Makes a watch. */
export function createLinkWatch(options: LinkWatchOptions): LinkWatch {
  const { clock, log, device } = options
  let observation = nothingObserved
  let path = unknownPath
  let repairs = 0
  let outages = 0
  let repairsInRow = 0
  let lastRepair: number | undefined
  /** Bytes that had come in when the first of the questions in a row went unanswered. */
  let receivedAtFirstMiss: number | undefined

  async function look(): Promise<void> {
    try {
      const { peers } = await device.read()
      const peer = peers.find(({ publicKey }) => publicKey === options.peerKey())
      observation = observe(observation, peer, path.up)
    } catch (error) {
      log.debug({ problem: describe(error) }, 'the device does not answer')
    }
  }

  /** What comes in proves that the session lives, and a new one would lose packets: the program at the other end is given the time to start again. */
  function onlyTheProgramIsAway(): boolean {
    const { lastAnswer } = path
    const lately = lastAnswer !== undefined && clock.now() - lastAnswer < programStartMilliseconds
    return lately && observation.receivedBytes > (receivedAtFirstMiss ?? 0)
  }

  async function repairIfDue(): Promise<void> {
    if (path.missedInRow === 0) receivedAtFirstMiss = undefined
    if (path.missedInRow > 0 && receivedAtFirstMiss === undefined) {
      receivedAtFirstMiss = observation.receivedBytes
      await look()
      receivedAtFirstMiss = observation.receivedBytes
    }
    if (!options.dials() || !repairDue(path, lastRepair, clock.now(), options.probeIntervalMilliseconds)) return
    lastRepair = clock.now()
    await look()
    if (path.up || onlyTheProgramIsAway()) {
      receivedAtFirstMiss = observation.receivedBytes
      return
    }
    repairs++
    options.repair(++repairsInRow)
  }

  return {
    path: () => path,
    observation: () => observation,
    remembered: () => observation.endpoint,
    repairs: () => repairs,
    outages: () => outages,
    look,
    onPath: (state) => {
      const turned = state.up !== path.up
      const settled = isSteady(state) !== isSteady(path)
      path = state
      if (turned && !state.up) outages++
      if (turned) void look()
      if (turned || settled) options.onTurn()
      if (state.up) repairsInRow = 0
      void repairIfDue()
    },
  }
}
