import { configMaps, type Secret, secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import type { Client } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import { createFreshReader } from '../src/common/freshness.ts'
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
  const nodeInformer = informer(nodes)
  return {
    client,
    nodes: nodeInformer,
    nodeReader: createFreshReader(nodeInformer),
    reports: informer(configMaps),
    tokens: informer<Secret>(secrets),
    nodesKnownSince: () => undefined,
  }
}
