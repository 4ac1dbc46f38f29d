import { endpointSlices, services } from '@trellis/api/core/service'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { type Client, createClient } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import type { Destinations } from './destinations.ts'
import { destinationsOfServices, doorLabel } from './services.ts'

/** What following the Services of a cluster takes. */
export interface DestinationServicesOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly client: Client
  readonly onChange: (sources: readonly Destinations[]) => void
}

/** Changes that come together are told together. */
const settleMilliseconds = 100

/**
 * Follows the labelled Services of a cluster and the addresses behind them. Resolves once all of them are known and told; from then on each change is told, and while the API server is away what was told last
 * holds. Rejects with the signal's reason when that aborts first.
 */
export async function watchDestinationServices(
  options: DestinationServicesOptions,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const { clock, random, log, client } = options
  const life = new AbortController()
  const selection = { labelSelector: `${doorLabel}=true` }
  const common = { clock, random, log, client, selection }
  const serviceInformer = createInformer({ ...common, resource: services })
  const sliceInformer = createInformer({ ...common, resource: endpointSlices })
  const tell = createTeller(options, () => destinationsOfServices(serviceInformer.list(), sliceInformer.list()))
  const all = AbortSignal.any([signal, life.signal])
  const running = Promise.all([serviceInformer.run(all), sliceInformer.run(all)])
  await Promise.all([serviceInformer.synced(signal), sliceInformer.synced(signal)])
  tell.now()
  for (const informer of [serviceInformer, sliceInformer]) informer.onChange(tell.soon)
  return {
    [Symbol.asyncDispose]: async () => {
      life.abort()
      tell.stop()
      await running
    },
  }
}

/** A client for the cluster of this kubeconfig, or of this pod. */
export async function clientOfSeed(clock: Clock, file: string | undefined): Promise<Client & Disposable> {
  const kubeconfig = await loadKubeconfig(file === undefined ? { inCluster: true } : { file })
  return createClient({ clock, kubeconfig, userAgent: 'front-door/0' })
}

function createTeller(
  { clock, log, onChange }: DestinationServicesOptions,
  read: () => ReturnType<typeof destinationsOfServices>,
) {
  let timer: ReturnType<Clock['setTimer']> | undefined
  let refused = new Set<string>()
  const now = () => {
    timer = undefined
    const parts = read()
    const reasons = parts.flatMap((part) => (part.ok ? [] : [part.reason]))
    for (const reason of reasons) if (!refused.has(reason)) log.error({ reason }, 'a Service cannot be led to')
    refused = new Set(reasons)
    onChange(parts.flatMap((part) => (part.ok ? [part.destinations] : [])))
  }
  return {
    now,
    soon: () => {
      timer ??= clock.setTimer(settleMilliseconds, now)
    },
    stop: () => timer?.cancel(),
  }
}
