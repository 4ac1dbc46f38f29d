import { secrets } from '@trellis/api/core/configuration'
import type { Client, ConnectedClient } from '@trellis/kubernetes/client'
import { decodeSecret } from './secrets/secret-store.ts'
import type { ShootConnection } from './tasks/services.ts'

/** Connections to shoots, one for each as long as its kubeconfig stays the same. */
export interface ShootConnections extends Disposable {
  /** The connection to the shoot with that control namespace; throws `NotFound` while it has no kubeconfig. */
  connect(technicalId: string): Promise<ShootConnection>
  forget(technicalId: string): void
}

/** Makes the pool. `open` makes a client from the text of a kubeconfig. */
export function createShootConnections(
  seed: Client,
  open: (kubeconfig: string) => Promise<ConnectedClient>,
): ShootConnections {
  const connections = new Map<string, { readonly kubeconfig: string; readonly client: ConnectedClient }>()
  const forget = (technicalId: string) => {
    connections.get(technicalId)?.client[Symbol.dispose]()
    connections.delete(technicalId)
  }
  return {
    connect: async (technicalId) => {
      const secret = await seed.get(secrets, { namespace: technicalId, name: 'kubeconfig-cluster-bootstrap' })
      const kubeconfig = decodeSecret(secret).kubeconfig ?? ''
      const present = connections.get(technicalId)
      if (present?.kubeconfig === kubeconfig) return present
      const client = await open(kubeconfig)
      forget(technicalId)
      const connection = { kubeconfig, client }
      connections.set(technicalId, connection)
      return connection
    },
    forget,
    [Symbol.dispose]: () => {
      for (const technicalId of [...connections.keys()]) forget(technicalId)
    },
  }
}
