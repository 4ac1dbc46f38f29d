import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Configuration } from '../configuration.ts'
import { watchDestinationFiles } from './destination-files.ts'
import type { Destinations } from './destinations.ts'

/** All that tells where the door leads. */
export interface FollowedDestinations extends AsyncDisposable {
  /** Why what somebody has told last is not in use; undefined when it is. */
  problem(): string | undefined
}

/** What following takes. */
export interface FollowOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Ends the waiting for the first answer of an API server. */
  readonly signal: AbortSignal
}

/**
 * Follows files and Services, as far as they are configured. `onChange` is called for the first time when each of them has told what it knows: before, something that is
 * there would look as if it were gone. Throws what reading files for the first time throws, and the signal's reason.
 */
export async function followDestinations(
  { clock, random, log, signal }: FollowOptions,
  configuration: Configuration['destinations'],
  onChange: (sources: readonly Destinations[]) => void,
): Promise<FollowedDestinations> {
  await using stack = new AsyncDisposableStack()
  const told: Record<'files' | 'services', readonly Destinations[]> = { files: [], services: [] }
  let complete = false
  const tell = (from: keyof typeof told) => (sources: readonly Destinations[]) => {
    told[from] = sources
    if (complete) onChange([...told.files, ...told.services])
  }
  const { files: path, services } = configuration
  const files =
    path === undefined
      ? undefined
      : stack.use(await watchDestinationFiles({ clock, log, path, onChange: tell('files') }))
  if (services !== undefined) {
    // A client of API servers takes more memory than all the rest: it is loaded where it is wanted.
    const { clientOfSeed, watchDestinationServices } = await import('./destination-services.ts')
    const client = stack.use(await clientOfSeed(clock, services.kubeconfig))
    const options = { clock, random, log, client, onChange: tell('services') }
    stack.use(await watchDestinationServices(options, signal))
  }
  complete = true
  onChange([...told.files, ...told.services])
  const resources = stack.move()
  return { problem: () => files?.problem(), [Symbol.asyncDispose]: () => resources.disposeAsync() }
}
