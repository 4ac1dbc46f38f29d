import type { Administrator } from '../administrator.ts'
import type { OpenStack } from '../start-openstack.ts'
import { makeApplicationCredential } from './application-credential.ts'
import { makeExternalNetwork, makeImage } from './world.ts'

/** A server of the account. */
export interface AccountServer {
  readonly id: string
  readonly name: string
  readonly address: string | undefined
}

/** A project of an OpenStack as the example has it, and what is in it. */
export interface ExampleAccount {
  /** The Secret of the example: an application credential. */
  readonly credentials: Readonly<Record<string, string>>
  /** By name. */
  servers(): Promise<readonly AccountServer[]>
  /** All that is in the project beside what every project has from the start. */
  remains(): Promise<readonly string[]>
}

/** Flavors of the example's CloudProfile. */
const flavors = [
  { name: 'm1.medium', vcpus: 2, ram: 4096, disk: 20 },
  { name: 'm1.large', vcpus: 4, ram: 8192, disk: 40 },
]

/** Makes what `examples/openstack` takes for granted: flavors, an image, a network to the outside, and a project with an application credential. */
export async function prepareExampleCloud(openStack: OpenStack): Promise<ExampleAccount> {
  const { administrator } = openStack
  for (const flavor of flavors) await administrator.call('nova', 'POST', '/flavors', { flavor })
  await makeImage(administrator, 'trellis-worker-1.0.0')
  await makeExternalNetwork(administrator, 'public')
  const account = await openStack.addAccount()
  const { project } = account
  const application = await makeApplicationCredential(account, `${openStack.addresses.keystone}/v3`)
  return {
    credentials: { applicationCredentialID: application.id, applicationCredentialSecret: application.secret },
    servers: () => serversOf(administrator, project),
    remains: () => remainsOf(administrator, project),
  }
}

async function serversOf({ call }: Administrator, project: string): Promise<readonly AccountServer[]> {
  const [{ servers }, { ports }] = await Promise.all([
    call<{ servers: { id: string; name: string; tenant_id: string }[] }>(
      'nova',
      'GET',
      '/servers/detail?all_tenants=1',
    ),
    call<{ ports: { device_id: string; fixed_ips: { ip_address: string }[] }[] }>(
      'neutron',
      'GET',
      `/ports?project_id=${project}`,
    ),
  ])
  return servers
    .filter(({ tenant_id }) => tenant_id === project)
    .map(({ id, name }) => ({
      id,
      name,
      address: ports.find(({ device_id }) => device_id === id)?.fixed_ips[0]?.ip_address,
    }))
    .toSorted((a, b) => a.name.localeCompare(b.name))
}

async function remainsOf(administrator: Administrator, project: string): Promise<readonly string[]> {
  const sorts = ['networks', 'subnets', 'routers', 'ports', 'floatingips', 'security-groups'] as const
  const inNeutron = await Promise.all(
    sorts.map(async (sort) => {
      const answer = await administrator.call<Record<string, { id: string; name?: string }[]>>(
        'neutron',
        'GET',
        `/${sort}?project_id=${project}`,
      )
      const all = answer[sort.replaceAll('-', '_')] ?? []
      // A project has this group as soon as somebody looks at its groups.
      return all.filter(({ name }) => sort !== 'security-groups' || name !== 'default').map(({ id }) => `${sort} ${id}`)
    }),
  )
  const servers = await serversOf(administrator, project)
  return [...inNeutron.flat(), ...servers.map(({ id }) => `server ${id}`)]
}
