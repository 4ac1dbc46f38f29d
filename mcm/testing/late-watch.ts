import type { KubernetesObject, Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import type { Client, WatchEvent, WatchOptions } from '@trellis/kubernetes/client'

/** A client whose watches of one kind tell everything late, in order; nothing else about it is slow. */
export function withLateWatch(
  client: Client,
  clock: Clock,
  { plural, milliseconds }: { readonly plural: string; readonly milliseconds: number },
): Client {
  return {
    ...client,
    watch: (resource, options) =>
      resource.plural === plural
        ? late(client, clock, { resource, options, milliseconds })
        : client.watch(resource, options),
  }
}

/** Each event is told so long after it came, not so long after the one before it was told. */
async function* late<Kind extends KubernetesObject>(
  client: Client,
  clock: Clock,
  {
    resource,
    options,
    milliseconds,
  }: { readonly resource: Resource<Kind>; readonly options: WatchOptions; readonly milliseconds: number },
): AsyncGenerator<WatchEvent<Kind>> {
  const came: { readonly event: WatchEvent<Kind>; readonly at: number }[] = []
  let arrived = Promise.withResolvers<void>()
  let ended = false
  const receive = async () => {
    for await (const event of client.watch(resource, options)) {
      came.push({ event, at: clock.now() })
      arrived.resolve()
    }
  }
  const receiving = receive().finally(() => {
    ended = true
    arrived.resolve()
  })
  // Told where the watch's reader waits for it, after the last event.
  receiving.catch(() => {})
  for (;;) {
    const next = came.shift()
    if (next === undefined) {
      if (ended) return await receiving
      arrived = Promise.withResolvers<void>()
      await arrived.promise
      continue
    }
    const pause = next.at + milliseconds - clock.now()
    if (pause > 0) await clock.sleep(pause, options.signal).catch(() => {})
    if (options.signal?.aborted) return
    yield next.event
  }
}
