import { nodes } from '@trellis/api/core/node'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineLabels } from '@trellis/api/machine/well-known'
import type { Clock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import { again, type Controller, done, type Outcome } from '@trellis/kubernetes/controller'
import type { Informer } from '@trellis/kubernetes/informer'
import type { TargetContext } from '../machine/context.ts'
import { decideNode } from './decide.ts'

/** All that the node controller works with. */
export interface NodeContext {
  readonly clock: Clock
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  readonly target: TargetContext
  /** With the index `node`. */
  readonly machines: Informer<Machine>
  readonly settings: { readonly creationTimeoutMilliseconds: number }
}

/** Marks Nodes that no machine stands behind. Keys are names of Nodes. */
export interface NodeReconciler {
  reconcile(name: string): Promise<Outcome>
  /** Puts Nodes into the queue when they appear, or lose their machine. Returns how to stop. */
  follow(controller: Controller): () => void
}

/** Makes the reconciler. */
export function createNodeReconciler(context: NodeContext): NodeReconciler {
  return {
    reconcile: (name) => reconcile(context, name),
    follow: (controller) => {
      const { target, machines: informer } = context
      const hasMachine = (name: string) => informer.byIndex('node', name).length > 0
      const stops = [
        // Machines look after their own Nodes, whose changes are many: they concern nobody here.
        target.nodes.onChange(({ key }) => {
          if (!hasMachine(key.name)) controller.enqueue(key.name)
        }),
        informer.onChange(({ before, after }) => {
          const lost = before?.metadata.labels?.[machineLabels.node]
          if (lost !== undefined && lost !== after?.metadata.labels?.[machineLabels.node]) controller.enqueue(lost)
        }),
      ]
      return () => {
        for (const stop of stops) stop()
      }
    },
  }
}

async function reconcile(context: NodeContext, name: string): Promise<Outcome> {
  const { clock, log, target, machines: informer, settings } = context
  const node = target.nodes.get({ name })
  if (node === undefined) return done
  const { creationTimeoutMilliseconds } = settings
  const hasMachine = informer.byIndex('node', name).length > 0
  const decision = decideNode({ node, hasMachine, creationTimeoutMilliseconds }, clock.now())
  if (decision.kind === 'wait') return again(decision.milliseconds)
  if (decision.kind === 'nothing' || (await hasMachineReally(context, name))) return done
  try {
    await target.client.patch(nodes, { name }, decision.patch, { type: 'merge' })
    log.warn({ node: name }, 'no machine stands behind a node')
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
  }
  return done
}

/** Asked of the API server itself: an informer may be behind, and Nodes are seldom disowned. */
async function hasMachineReally({ control, namespace }: NodeContext, name: string): Promise<boolean> {
  const labelSelector = `${machineLabels.node}=${name}`
  return (await control.list<Machine>(machines, { namespace, labelSelector, limit: 1 })).items.length > 0
}
