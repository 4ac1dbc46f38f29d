import { createGoogleClients, type GoogleInfrastructureOptions } from '../../gcp/connect-client.ts'
import { namesOf } from '../../gcp/names.ts'
import { removeLeftByCluster } from '../../gcp/tasks/left-by-cluster.ts'
import type { OpenTofuCloud } from '../cloud.ts'
import { type GcpVariables, gcpModule } from './gcp.ts'

/** The module for GCP with a connection to take away what clusters left. */
export function connectedGcp(options: GoogleInfrastructureOptions): OpenTofuCloud {
  const connect = createGoogleClients(options)
  return gcpModule({
    removeLeftovers: (request, variables) => {
      // Variables come from the module above, also those that were stored.
      const { name, network } = variables as unknown as GcpVariables
      const given = network === null ? {} : { network }
      return removeLeftByCluster({ client: connect(request), names: namesOf(name), request, wanted: { given } })
    },
  })
}
