import { type Node, nodes } from '@trellis/api/core/node'
import { keyOf } from '@trellis/api/meta'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { FreshReader } from '../common/freshness.ts'
import { settleInTurns } from '../common/in-turns.ts'
import { nodeNameOf } from '../machine/node-view.ts'
import type { MachineDeploymentContext } from './context.ts'
import type { ObservedNodes } from './decide.ts'
import { marked, type NodeMark, rolloutMarkIndex } from './node-marks.ts'

/** Marks the nodes of rollouts in the target cluster. A target that does not answer holds no rollout up. */
export interface NodeMarker {
  /** The nodes as far as they are known; undefined when they are not. */
  observe(): ObservedNodes | undefined
  /** Writes the marks of a deployment's nodes; returns when to try again what did not succeed, in milliseconds. */
  apply(deployment: string, marks: readonly NodeMark[]): Promise<number | undefined>
  forget(deployment: string): void
}

const afterConflictMilliseconds = 500
const afterFailureMilliseconds = 30_000

/** Makes a marker. */
export function createNodeMarker(context: MachineDeploymentContext): NodeMarker {
  const { target, clock, log, keepNodesDuringRollout: keepNodes } = context
  if (target === undefined) return { observe: () => undefined, apply: async () => undefined, forget: () => {} }
  const reader = target.nodeReader
  const notBefore = new Map<string, number>()
  return {
    observe: () =>
      target.nodes.hasSynced()
        ? {
            nodeOf: (machine) => nodeNamed(reader, nodeNameOf(machine)),
            anyMarked: target.nodes.byIndex(rolloutMarkIndex, marked).length > 0,
            keepNodes,
          }
        : undefined,
    apply: async (deployment, marks) => {
      if (marks.length === 0) return undefined
      const pause = (notBefore.get(deployment) ?? 0) - clock.now()
      if (pause > 0) return pause
      const delays: number[] = []
      // One failure is likely to be all others' too: none is begun after it.
      const outcomes = await settleInTurns(marks, async (mark) => {
        if (delays.includes(afterFailureMilliseconds)) return
        const delay = await write(mark, deployment)
        if (delay !== undefined) delays.push(delay)
      })
      const bug = outcomes.find((outcome) => outcome.status === 'rejected')
      if (bug !== undefined) throw bug.reason
      return delays.length === 0 ? undefined : Math.max(...delays)
    },
    forget: (deployment) => notBefore.delete(deployment),
  }

  async function write({ node, patch }: NodeMark, deployment: string): Promise<number | undefined> {
    try {
      reader.remember(await (target?.client ?? context.control).patch(nodes, keyOf(node), patch, { type: 'merge' }))
      return undefined
    } catch (error) {
      if (isFailure(error, 'NotFound')) return undefined
      if (isFailure(error, 'Conflict')) return afterConflictMilliseconds
      log.warn({ deployment, node: node.metadata.name, error: describe(error) }, 'a node could not be marked')
      notBefore.set(deployment, clock.now() + afterFailureMilliseconds)
      return afterFailureMilliseconds
    }
  }
}

function nodeNamed(reader: FreshReader<Node>, name: string | undefined): Node | undefined {
  return name === undefined ? undefined : reader.get({ name })
}
