import { Failure } from '@trellis/foundation/failure'
import type { CloudConnection, CloudEndpoints, CloudPorts, ShootCloud } from './cloud.ts'

/** Connections to clouds: one for each kind and set of addresses, made when it is first asked for. */
export interface CloudConnections extends AsyncDisposable {
  /** Throws `Unimplemented` for a cloud that cannot be reached. */
  open(cloud: ShootCloud, endpoints: CloudEndpoints): Promise<CloudConnection>
}

/** Makes the pool; disposing it closes what it has opened. */
export function createCloudConnections(ports: CloudPorts): CloudConnections {
  const opened = new Map<string, Promise<CloudConnection>>()
  return {
    open: (cloud, endpoints) => {
      const { type, connect } = cloud
      if (connect === undefined) {
        return Promise.reject(
          new Failure('Unimplemented', `${type} cannot be reached`, { field: 'spec.provider.type' }),
        )
      }
      const key = JSON.stringify([type, Object.entries(endpoints).sort()])
      const present = opened.get(key)
      if (present !== undefined) return present
      const connection = connect(ports, endpoints)
      opened.set(key, connection)
      // One that could not be made is made anew when it is asked for again.
      connection.catch(() => opened.delete(key))
      return connection
    },
    [Symbol.asyncDispose]: async () => {
      const all = await Promise.allSettled(opened.values())
      opened.clear()
      for (const one of all) if (one.status === 'fulfilled') one.value[Symbol.dispose]()
    },
  }
}
