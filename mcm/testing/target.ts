import { configMaps, type Secret, secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { volumeAttachments } from '@trellis/api/core/storage'
import { podDisruptionBudgets } from '@trellis/api/core/workload'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import type { Client } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import { createFreshReader } from '../src/common/freshness.ts'
import { attachmentIndexes } from '../src/drain/session.ts'
import { createSharedWatch } from '../src/drain/shared-watch.ts'
import type { TargetContext } from '../src/machine/context.ts'

/** A target cluster behind a client, whose informers stand still. */
export function targetOf(client: Client): TargetContext {
  const parts = {
    client,
    clock: createVirtualClock(),
    random: createSeededRandom('target'),
    log: createSilentLog(),
  }
  const informer = <Kind extends KubernetesObject>(resource: Resource<Kind>) => createInformer({ ...parts, resource })
  const stopped = new AbortController().signal
  const nodeInformer = informer(nodes)
  return {
    client,
    nodes: nodeInformer,
    nodeReader: createFreshReader(nodeInformer),
    budgets: createSharedWatch({ ...parts, resource: podDisruptionBudgets }, stopped),
    attachments: createSharedWatch({ ...parts, resource: volumeAttachments, indexes: attachmentIndexes }, stopped),
    reports: informer(configMaps),
    tokens: informer<Secret>(secrets),
    answered: Promise.withResolvers<void>().promise,
    nodesKnownSince: () => undefined,
    silentSince: () => undefined,
  }
}
