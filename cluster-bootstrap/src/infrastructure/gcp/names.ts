import { createHash } from 'node:crypto'
import { googleTagSyntax } from '@trellis/cloudprovider/gcp/ownership'
import { Failure } from '@trellis/foundation/failure'

/** Names of all that is made for a shoot. */
export interface InfrastructureNames {
  readonly network: string
  readonly nodes: string
  readonly internal: string
  readonly router: string
  readonly nat: string
  readonly firewallInternal: string
  readonly firewallExternal: string
  readonly firewallHealth: string
  /** Account of the machines: at most thirty characters. */
  readonly serviceAccount: string
  /** Network tag of the machines. */
  readonly tag: string
}

/** Longest technical id: the tag of the machines must fit into 63 characters. */
const longest = 41

/** The names that follow from a shoot's technical id. Throws `Invalid` when the cloud does not allow them. */
export function namesOf(technicalId: string): InfrastructureNames {
  if (!/^[a-z][-a-z0-9]*[a-z0-9]$/.test(technicalId) || technicalId.length > longest) {
    throw new Failure('Invalid', `${technicalId} cannot be part of names at Google Cloud`, {
      field: 'metadata.name',
      remedy: `names of project and shoot may have ${longest - 'shoot----'.length} characters together`,
    })
  }
  const digest = createHash('sha256').update(technicalId).digest('hex').slice(0, 8)
  return {
    network: technicalId,
    nodes: `${technicalId}-nodes`,
    internal: `${technicalId}-internal`,
    router: `${technicalId}-cloud-router`,
    nat: `${technicalId}-cloud-nat`,
    firewallInternal: `${technicalId}-allow-internal`,
    firewallExternal: `${technicalId}-allow-external`,
    firewallHealth: `${technicalId}-allow-health`,
    serviceAccount: `${technicalId.slice(0, 21).replace(/-+$/, '')}-${digest}`,
    tag: `${googleTagSyntax.clusterPrefix}${technicalId}`,
  }
}
