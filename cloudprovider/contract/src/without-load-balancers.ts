import { Failure } from '@trellis/foundation/failure'
import type { CloudLoadBalancers } from './cloud-network.ts'

/** Load balancers of a cloud that has none: whoever asks for one is told so, by the name of the Service. */
export function withoutLoadBalancers(cloud: string, remedy?: string): CloudLoadBalancers {
  return {
    ensureLoadBalancer: async ({ service }) => {
      const message = `the Service ${service} cannot have a load balancer: there are none at ${cloud}`
      throw new Failure('Unimplemented', message, remedy === undefined ? {} : { remedy })
    },
    listLoadBalancers: async () => [],
    deleteLoadBalancer: async () => {},
  }
}
