import { configMaps, type Secret, secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { volumeAttachments } from '@trellis/api/core/storage'
import { podDisruptionBudgets } from '@trellis/api/core/workload'
import { joinReportNamespace } from '@trellis/api/join-report'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client, Selection } from '@trellis/kubernetes/client'
import { createInformer } from '@trellis/kubernetes/informer'
import { createFreshReader } from './common/freshness.ts'
import { trimBudget } from './drain/budgets.ts'
import { attachmentIndexes, trimAttachment } from './drain/session.ts'
import { createSharedWatch } from './drain/shared-watch.ts'
import { tokenFieldSelector, tokenNamespace } from './machine/bootstrap-token.ts'
import type { TargetContext } from './machine/context.ts'
import { rolloutMarkIndex, rolloutMarkOf } from './machine-deployment/node-marks.ts'
import { trimNode } from './node/trim.ts'

/** What following a target cluster needs. */
export interface TargetOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly client: Client
}

/** Pause between two questions to an API server that does not answer yet: machines wait for it with their kubelets running. */
const knockMilliseconds = 1000

/** Follows the cluster that machines join, from its first answer on, however long that takes, until the signal aborts. */
export function startTarget(options: TargetOptions, signal: AbortSignal): TargetContext {
  const { client, clock, random } = options
  const log = options.log.child({ cluster: 'target' })
  const informer = <Kind extends KubernetesObject>(resource: Resource<Kind>, selection: Selection = {}) =>
    createInformer({ client, clock, random, log, resource, selection })
  const indexes = { [rolloutMarkIndex]: rolloutMarkOf }
  const informers = {
    nodes: createInformer({ client, clock, random, log, resource: nodes, indexes, transform: trimNode }),
    reports: informer(configMaps, { namespace: joinReportNamespace }),
    tokens: informer<Secret>(secrets, { namespace: tokenNamespace, fieldSelector: tokenFieldSelector }),
  }
  const common = { client, clock, random, log }
  const budgets = createSharedWatch({ ...common, resource: podDisruptionBudgets, transform: trimBudget }, signal)
  const attachments = createSharedWatch(
    { ...common, resource: volumeAttachments, indexes: attachmentIndexes, transform: trimAttachment },
    signal,
  )
  let knownSince: number | undefined
  informers.nodes.synced(signal).then(
    () => {
      knownSince = clock.now()
      log.info({}, 'the nodes of the target cluster are known')
    },
    () => {},
  )
  let silentSince: number | undefined
  const onSilence = () => {
    silentSince ??= clock.now()
  }
  const { promise: answered, resolve: onAnswer } = Promise.withResolvers<void>()
  untilItAnswers({ ...options, log, onSilence, onAnswer }, signal).then(
    () => {
      silentSince = undefined
      return Promise.all(Object.values(informers).map((one) => one.run(signal)))
    },
    () => {},
  )
  const nodeReader = createFreshReader(informers.nodes)
  return {
    client,
    ...informers,
    budgets,
    attachments,
    nodeReader,
    answered,
    nodesKnownSince: () => knownSince,
    silentSince: () => silentSince,
  }
}

/** Informers back off for long from a server that is not there; this knocks at short intervals instead, until everything that they need may be read. */
async function untilItAnswers(
  {
    client,
    clock,
    log,
    onSilence,
    onAnswer,
  }: Omit<TargetOptions, 'random'> & { readonly onSilence: () => void; readonly onAnswer: () => void },
  signal: AbortSignal,
): Promise<void> {
  const limit = { limit: 1 }
  for (let told = false; ; ) {
    signal.throwIfAborted()
    try {
      await client.list(nodes, limit)
      onAnswer()
      await client.list(configMaps, { ...limit, namespace: joinReportNamespace })
      await client.list(secrets, { ...limit, namespace: tokenNamespace })
      return
    } catch (error) {
      if (!told) log.info({ error: describe(error) }, 'waiting for the target cluster; servers are made meanwhile')
      told = true
      onSilence()
    }
    await clock.sleep(knockMilliseconds, signal)
  }
}
