import { type ConfigMap, configMaps, type Secret, secrets } from '@trellis/api/core/configuration'
import type { Node } from '@trellis/api/core/node'
import { joinReportNamePrefix } from '@trellis/api/join-report'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineLabels } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import type { Informer } from '@trellis/kubernetes/informer'
import { tokenMachineAnnotation } from '../machine/bootstrap-token.ts'
import { releaseNode } from '../machine/clean-up.ts'
import type { TargetContext } from '../machine/context.ts'

/** All that collecting traces works with. */
export interface TraceContext {
  readonly clock: Clock
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  readonly target: TargetContext
  readonly machines: Informer<Machine>
  readonly periodMilliseconds: number
}

/** What machines left in their cluster, by the machine's name. */
export type Trace =
  | { readonly kind: 'node'; readonly machineName: string; readonly object: Node }
  | { readonly kind: 'token'; readonly machineName: string; readonly object: Secret }
  | { readonly kind: 'report'; readonly machineName: string; readonly object: ConfigMap }

/** What a cluster holds. */
export interface TracesView {
  readonly nodes: readonly Node[]
  readonly tokens: readonly Secret[]
  readonly reports: readonly ConfigMap[]
}

/** Nodes that were ours and are not ready, tokens and reports, of machines that do not exist. */
export function findTraces(view: TracesView, isMachine: (name: string) => boolean): readonly Trace[] {
  const all: Trace[] = []
  for (const object of view.nodes) {
    const machineName = object.metadata.labels?.[machineLabels.machineName]
    if (machineName !== undefined && !isReady(object)) all.push({ kind: 'node', machineName, object })
  }
  for (const object of view.tokens) {
    const machineName = object.metadata.annotations?.[tokenMachineAnnotation]
    if (machineName !== undefined) all.push({ kind: 'token', machineName, object })
  }
  for (const object of view.reports) {
    const { name } = object.metadata
    if (name.startsWith(joinReportNamePrefix))
      all.push({ kind: 'report', machineName: name.slice(joinReportNamePrefix.length), object })
  }
  return all.filter(({ machineName }) => !isMachine(machineName))
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
}

/**
 * Deletes, once per period, what machines left that went while their cluster did not answer. Asks nothing while the informers show nothing of the kind.
 * Never throws.
 */
export async function collectTraces(context: TraceContext, signal: AbortSignal): Promise<void> {
  const { clock, log, periodMilliseconds } = context
  while (!signal.aborted) {
    try {
      await clock.sleep(periodMilliseconds, signal)
      await collectTracesOnce(context)
    } catch (error) {
      if (!signal.aborted) log.warn({ error: describe(error) }, 'what machines left behind could not be deleted')
    }
  }
}

async function collectTracesOnce({ log, namespace, control, target, machines: known }: TraceContext): Promise<void> {
  const { nodes, tokens, reports } = target
  if (!nodes.hasSynced() || !tokens.hasSynced() || !reports.hasSynced()) return
  const view = { nodes: nodes.list(), tokens: tokens.list(), reports: reports.list() }
  const suspects = findTraces(view, (name) => known.get({ namespace, name }) !== undefined)
  if (suspects.length === 0) return
  // Asked of the API server itself: machines are made faster than watches tell.
  const names = new Set(
    (await control.list<Machine>(machines, { namespace })).items.map(({ metadata }) => metadata.name),
  )
  for (const trace of suspects.filter(({ machineName }) => !names.has(machineName))) {
    log.warn({ machine: trace.machineName, kind: trace.kind }, 'deleting what a machine left behind')
    if (trace.kind === 'node') await releaseNode(target, trace.object)
    else await target.client.delete(trace.kind === 'token' ? secrets : configMaps, keyOf(trace.object))
  }
}
