import type { InfrastructureClient } from '../../gcp/client.ts'
import { namesOf } from '../../gcp/names.ts'
import type { Existing } from '../cloud.ts'
import type { GcpVariables } from './gcp.ts'
import { presentOnly } from './present.ts'

/** What `modules/gcp` would make and the project has already, by name, since names are unique there: import identifiers by address. */
export async function findExistingGcp(client: InfrastructureClient, variables: GcpVariables): Promise<Existing> {
  const { name, network, cloud_router: givenRouter, internal_cidr: internal } = variables
  const names = namesOf(name)
  const email = `${names.serviceAccount}@${client.project}.iam.gserviceaccount.com`
  const paths = pathsOf(client.project, variables.region)
  const find = async (sort: 'Firewalls' | 'Networks' | 'Subnetworks', one: string) =>
    (await client.find(sort, one)) === undefined ? undefined : paths[sort](one)
  const [account, router, ownNetwork, nodes, ownInternal, ...firewalls] = await Promise.all([
    client.findServiceAccount(email),
    client.find('Routers', givenRouter ?? names.router),
    network === null ? find('Networks', names.network) : undefined,
    find('Subnetworks', names.nodes),
    internal === null ? undefined : find('Subnetworks', names.internal),
    ...[names.firewallInternal, names.firewallExternal, names.firewallHealth].map((one) => find('Firewalls', one)),
  ])
  const nats = (router?.nats ?? []) as readonly { readonly name: string }[]
  const hasNat = nats.some((nat) => nat.name === names.nat)
  return presentOnly({
    'google_service_account.nodes': account === undefined ? undefined : paths.serviceAccount(email),
    'google_compute_network.nodes[0]': ownNetwork,
    'google_compute_subnetwork.nodes': nodes,
    'google_compute_subnetwork.internal[0]': ownInternal,
    'google_compute_router.nodes[0]':
      router === undefined || givenRouter !== null ? undefined : paths.router(names.router),
    'google_compute_router_nat.nodes':
      router !== undefined && hasNat ? `${paths.router(router.name)}/${names.nat}` : undefined,
    'google_compute_firewall.internal': firewalls[0],
    'google_compute_firewall.external': firewalls[1],
    'google_compute_firewall.health_checks': firewalls[2],
  })
}

/** Paths by which the provider imports. */
function pathsOf(project: string, region: string) {
  const [global, regional] = [`projects/${project}/global`, `projects/${project}/regions/${region}`]
  return {
    Networks: (name: string) => `${global}/networks/${name}`,
    Firewalls: (name: string) => `${global}/firewalls/${name}`,
    Subnetworks: (name: string) => `${regional}/subnetworks/${name}`,
    router: (name: string) => `${regional}/routers/${name}`,
    serviceAccount: (email: string) => `projects/${project}/serviceAccounts/${email}`,
  }
}
