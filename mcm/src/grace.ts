import type { Clock } from '@trellis/foundation/clock'
import { aborted } from '@trellis/foundation/lifetime'

/**
 * Waits for work that was told to end by the signal, for no longer than that after the signal. Says whether it ended: requests to a server
 * that hangs cannot all be called off, and the lease must be given back before the process is killed.
 */
export async function untilEnded(
  clock: Clock,
  work: Promise<void>,
  { signal, milliseconds }: { readonly signal: AbortSignal; readonly milliseconds: number },
): Promise<boolean> {
  const over = new AbortController()
  const patience = aborted(AbortSignal.any([signal, over.signal]))
    .then(() => clock.sleep(milliseconds, over.signal))
    .then(
      () => false,
      () => true,
    )
  try {
    return await Promise.race([work.then(() => true), patience])
  } finally {
    over.abort()
    work.catch(() => {})
  }
}
