import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { type ConnectedClient, createClient } from '@trellis/kubernetes/client'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'

/** A cluster as the command line names it. */
export interface Cluster {
  readonly client: ConnectedClient
  /** Namespace of its context. */
  readonly namespace: string | undefined
}

/** Connects as kubectl would: the given file, else the first of `KUBECONFIG`, else the one at home. */
export async function connect(
  clock: Clock,
  asked: { readonly kubeconfig: string | undefined; readonly context?: string | undefined },
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Cluster> {
  const named = (environment.KUBECONFIG ?? '').split(delimiter).find((file) => file !== '')
  const file = asked.kubeconfig ?? named ?? join(homedir(), '.kube', 'config')
  const kubeconfig = await loadKubeconfig({ file, ...(asked.context === undefined ? {} : { context: asked.context }) })
  return {
    client: createClient({ clock, kubeconfig, userAgent: 'kubectl-trellis/0.1.0' }),
    namespace: kubeconfig.namespace,
  }
}
