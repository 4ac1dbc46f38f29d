import type { OpenStackClient } from '../src/client.ts'
import { type CloudDouble, createCloudDouble, type Places } from './cloud-double.ts'
import { createNetworkDouble, type NetworkDouble } from './network-double.ts'

/** A cloud in memory whose servers are in networks that somebody makes first. */
export interface WholeDouble {
  readonly network: NetworkDouble
  readonly cloud: CloudDouble
  /** A client of both. */
  connect(): OpenStackClient
}

/** Makes a cloud with a network to the outside, a flavor and an image. Nothing goes that a server still hangs on. */
export function createWholeDouble(): WholeDouble {
  const network = createNetworkDouble()
  // Both hold the same things; each knows those fields that it asks for.
  const cloud = createCloudDouble({ places: network.stores as unknown as Places })
  return {
    network,
    cloud,
    connect: () => {
      const servers = cloud.connect()
      return { ...servers, ...network.connect(), ports: servers.ports }
    },
  }
}
