import type { Clock } from '@trellis/foundation/clock'
import type { WireGuardDevice } from '../device.ts'
import type { HostConfiguration } from '../host/configuration.ts'
import type { Host } from '../host/host.ts'
import type { PathState } from '../path/state.ts'
import {
  carriedBy,
  decideSuccession,
  isData,
  type SuccessionLimits,
  type SuccessionStep,
  usualLimits,
  without,
} from './succession.ts'

/** What replacing a link takes. */
export interface ReplaceLinkOptions {
  readonly clock: Clock
  /** Aborting leaves both links as they are; starting again goes on from there. */
  readonly signal: AbortSignal
  readonly host: Host
  /** The host with both links; routes that should move name none. */
  readonly configuration: HostConfiguration
  readonly oldLink: string
  readonly newLink: string
  readonly oldDevice: WireGuardDevice
  /** Probes through the new link, between addresses that only it has. */
  readonly newPath: () => PathState
  readonly limits?: SuccessionLimits
  /** Called after each step that changed something. */
  readonly onStep?: (step: SuccessionStep) => void
}

const lookMilliseconds = 250

/**
 * Replaces a link by one with other keys (or another endpoint, port or program) without losing a packet: both carry the same addresses, routes move
 * once the new one answers steadily, and the old one goes when nothing comes in by it any more. Each end does this on its own; neither has to
 * know when the other moves, since both take packets from either link. Resolves with what came of it: after `replaced` the old link
 * and its device may be removed, after `given-up` the new one. Throws what the host throws, and the signal's reason.
 */
export async function replaceLink(options: ReplaceLinkOptions): Promise<'replaced' | 'given-up'> {
  const { clock, signal, host, configuration, oldLink, newLink, limits = usualLimits } = options
  const startedAt = clock.now()
  let movedAt: number | undefined
  let oldHeardAt: number | undefined
  let received = await receivedBytes(options.oldDevice)
  await host.apply(carriedBy(configuration, oldLink))
  for (;;) {
    const before = received
    received = await receivedBytes(options.oldDevice)
    if (isData(before, received)) oldHeardAt = clock.now()
    const step = decideSuccession(
      { now: clock.now(), startedAt, movedAt, newPath: options.newPath(), oldHeardAt },
      limits,
    )
    if (step === 'retire' || step === 'give-up') {
      await host.apply(without(configuration, step === 'retire' ? oldLink : newLink))
      options.onStep?.(step)
      return step === 'retire' ? 'replaced' : 'given-up'
    }
    if (step !== 'wait') {
      await host.apply(carriedBy(configuration, step === 'move' ? newLink : oldLink))
      movedAt = step === 'move' ? clock.now() : undefined
      options.onStep?.(step)
    }
    await clock.sleep(lookMilliseconds, signal)
  }
}

/** A device that does not answer carries nothing. */
async function receivedBytes(device: WireGuardDevice): Promise<number> {
  try {
    const { peers } = await device.read()
    return peers.reduce((sum, peer) => sum + peer.receivedBytes, 0)
  } catch {
    return 0
  }
}
