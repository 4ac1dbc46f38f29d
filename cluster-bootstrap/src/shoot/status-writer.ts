import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import type { ObjectKey } from '@trellis/api/meta'
import type { Clock, Timer } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'

/** Writes the status of one shoot without flooding the API server. Disposing drops what was offered last and waits for the write under way. */
export interface StatusWriter extends AsyncDisposable {
  /** Writes this soon; what is offered meanwhile replaces it. A write that fails is logged and made up for by the next. */
  offer(status: object): void
  /** Writes this now, after any write under way, and throws when that fails. Nothing that was offered before is written afterwards. */
  write(status: object): Promise<Shoot>
}

const shortestPauseMilliseconds = 500

/** Makes a writer; it writes merge patches of the status subresource. */
export function createStatusWriter(clock: Clock, log: Log, client: Client, key: ObjectKey): StatusWriter {
  let offered: object | undefined
  let busy: Promise<unknown> = Promise.resolve()
  let timer: Timer | undefined
  let lastAt = Number.NEGATIVE_INFINITY

  function send(status: object): Promise<Shoot> {
    lastAt = clock.now()
    return client.patch(shoots, key, { status }, { subresource: 'status' })
  }

  function schedule(): void {
    if (timer !== undefined || offered === undefined) return
    timer = clock.setTimer(Math.max(0, lastAt + shortestPauseMilliseconds - clock.now()), () => {
      busy = busy.then(drain, drain)
    })
  }

  async function drain(): Promise<void> {
    timer = undefined
    const status = offered
    offered = undefined
    if (status === undefined) return
    await send(status).catch((error: unknown) => {
      if (!isFailure(error, 'NotFound')) log.warn({ key, error: describe(error) }, 'the status could not be written')
    })
    schedule()
  }

  return {
    offer: (status) => {
      offered = status
      schedule()
    },
    write: (status) => {
      offered = undefined
      const writing = busy.then(
        () => send(status),
        () => send(status),
      )
      busy = writing.catch(() => undefined)
      return writing
    },
    [Symbol.asyncDispose]: async () => {
      offered = undefined
      timer?.cancel()
      await busy
    },
  }
}
