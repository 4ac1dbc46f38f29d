import { createGoogleClients, type GoogleInfrastructureOptions } from '../../gcp/connect-client.ts'
import { namesOf } from '../../gcp/names.ts'
import { removeLeftByCluster } from '../../gcp/tasks/left-by-cluster.ts'
import type { OpenTofuCloud } from '../cloud.ts'
import { type GcpVariables, gcpModule } from './gcp.ts'
import { findExistingGcp } from './gcp-lookup.ts'

/** The module for GCP with a connection to ask what exists, and to take away what clusters left. */
export function connectedGcp(options: GoogleInfrastructureOptions): OpenTofuCloud {
  const connect = createGoogleClients(options)
  return gcpModule({
    findExisting: (request, variables) => findExistingGcp(connect(request), told(variables)),
    removeLeftovers: (request, variables) => {
      const { name, network } = told(variables)
      const given = network === null ? {} : { network }
      return removeLeftByCluster({ client: connect(request), names: namesOf(name), request, wanted: { given } })
    },
  })
}

/** Variables come from the module, also those that were stored. */
function told(variables: Readonly<Record<string, unknown>>): GcpVariables {
  return variables as unknown as GcpVariables
}
