import {
  type JoinReport,
  joinReportKey,
  joinReportName,
  joinReportNamespace,
  joinReportNode,
} from '@trellis/api/join-report'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { type Backoff, pauseMilliseconds } from '@trellis/foundation/retry'
import type { ApiClient } from './api-client.ts'
import type { AgentContext } from './context.ts'
import { nodeNameOf } from './node-name.ts'

/** Tells the cluster how this machine is doing. */
export interface Beacon {
  /** Takes the latest report and returns at once. Reports that nobody could be told meanwhile are dropped for later ones; none delays joining. */
  offer(report: JoinReport): void
}

const backoff: Backoff = { firstMilliseconds: 500, longestMilliseconds: 15_000 }

/** Reports are sent no closer together than this, so that many quick steps cost one request. */
const restMilliseconds = 300

/** Makes a beacon that sends with `send`, one report at a time, again and again until it gets through. */
export function createBeacon(
  clock: Clock,
  random: Random,
  options: { readonly log: Log; readonly signal: AbortSignal; readonly send: (report: JoinReport) => Promise<void> },
): Beacon {
  const { log, signal, send } = options
  let waiting: JoinReport | undefined
  let sending = false
  const drain = async () => {
    for (let tries = 1; waiting !== undefined && !signal.aborted; ) {
      const report = waiting
      waiting = undefined
      try {
        await send(report)
        tries = 1
        await clock.sleep(restMilliseconds, signal)
      } catch (error) {
        if (signal.aborted) return
        waiting ??= report
        log.debug({ error, tries }, 'cannot report')
        await clock.sleep(pauseMilliseconds(backoff, tries++, random), signal)
      }
    }
  }
  return {
    offer: (report) => {
      waiting = report
      if (sending) return
      sending = true
      drain()
        .catch(() => {})
        .finally(() => {
          sending = false
        })
    },
  }
}

/** Writes a report into the ConfigMap of its machine, making it when there is none. */
export async function sendReport(
  client: ApiClient,
  { configuration, facts }: Pick<AgentContext, 'configuration' | 'facts'>,
  report: JoinReport,
): Promise<void> {
  const nodeName = nodeNameOf(configuration, facts)
  // Where the two names differ, this lets the node go on with the report that its machine has begun: see the policy in the chart of add-ons.
  const annotations = nodeName === configuration.machineName ? {} : { annotations: { [joinReportNode]: nodeName } }
  const namespace = configuration.beacon?.namespace ?? joinReportNamespace
  const name = configuration.beacon?.name ?? joinReportName(configuration.machineName)
  await client.call({
    method: 'PATCH',
    path: `/api/v1/namespaces/${namespace}/configmaps/${name}?fieldManager=trellis-node-agent&force=true`,
    contentType: 'application/apply-patch+yaml',
    body: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels: { 'trellis.internal/join-report': 'true' }, ...annotations },
      data: { [joinReportKey]: JSON.stringify(report) },
    },
  })
}
