import type { KubernetesObject } from '@trellis/api/meta'
import { Failure } from '@trellis/foundation/failure'
import type { AgentContext } from '../context.ts'
import { awaitObject } from '../follow.ts'
import { nodeNameOf } from '../node-name.ts'
import type { Step } from '../runner.ts'
import { withinDeadline } from '../within-deadline.ts'

/** The part of a Node that the agent looks at. */
export interface Node extends KubernetesObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] }
}

const patienceMilliseconds = 30_000

/** Waits until the cluster has a Node for this machine, and gives it the annotations that it is to have. */
export function registerNode(context: AgentContext, after: readonly string[]): Step {
  const { client, configuration, facts } = context
  return {
    name: 'register-node',
    after,
    run: async (signal) => {
      await awaitNode(
        context,
        signal,
        () => true,
        () => 'the kubelet has not registered the node yet',
      )
      const annotations = configuration.nodeAnnotations ?? {}
      if (Object.keys(annotations).length === 0) return
      await client.call({
        method: 'PATCH',
        path: `/api/v1/nodes/${nodeNameOf(configuration, facts)}`,
        contentType: 'application/merge-patch+json',
        body: { metadata: { annotations } },
        signal,
      })
    },
  }
}

/** Waits until the Node is Ready. While it is not, the step fails now and then with what the kubelet says is missing. */
export function readyNode(context: AgentContext): Step {
  return {
    name: 'ready-node',
    after: ['register-node'],
    run: async (signal) => {
      let missing = 'the kubelet has not told whether the node is ready'
      await awaitNode(
        context,
        signal,
        (node) => {
          const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
          missing = ready?.message ?? missing
          return ready?.status === 'True'
        },
        () => missing,
      )
    },
  }
}

async function awaitNode(
  { clock, client, configuration, facts, log }: AgentContext,
  signal: AbortSignal,
  enough: (node: Node) => boolean,
  missing: () => string,
): Promise<void> {
  let trouble: unknown
  await withinDeadline(
    clock,
    patienceMilliseconds,
    signal,
    (limited) =>
      awaitObject<Node>(
        '/api/v1/nodes',
        { fieldSelector: `metadata.name=${nodeNameOf(configuration, facts)}` },
        enough,
        {
          clock,
          client,
          signal: limited,
          onTrouble: (error) => {
            trouble = error
            log.debug({ error }, 'cannot read the node')
          },
        },
      ),
    () => new Failure('Unavailable', missing(), { cause: trouble }),
  )
}
