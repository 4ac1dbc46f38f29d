import { join } from 'node:path'
import { namespaces } from '@trellis/api/core/configuration'
import { connectedOpenStack } from '@trellis/cluster-bootstrap/infrastructure/opentofu/clouds/connected-openstack'
import { createOpenTofuInfrastructure } from '@trellis/cluster-bootstrap/infrastructure/opentofu/engine'
import { createOpenTofu } from '@trellis/cluster-bootstrap/infrastructure/opentofu/program'
import { infrastructureRequest } from '@trellis/cluster-bootstrap/testing/infrastructure-request'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createGate } from '@trellis/foundation/gate'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { type OpenStack, startOpenStack } from '../openstack/start-openstack.ts'

const repository = join(import.meta.dirname, '../..')

/** Directory of the HCL modules. */
export const modulesDirectory = join(repository, 'cluster-bootstrap/src/infrastructure/opentofu/modules')

/** The real program and its providers, as `./trellis test` tells of them. Throws `NotFound` with a remedy when it does not. */
export function openTofuParts(): { readonly program: string; readonly providersDirectory: string } {
  const { TRELLIS_OPENTOFU: program, TRELLIS_OPENTOFU_PROVIDERS: providersDirectory } = process.env
  if (program !== undefined && providersDirectory !== undefined) return { program, providersDirectory }
  throw new Failure('NotFound', 'TRELLIS_OPENTOFU or TRELLIS_OPENTOFU_PROVIDERS is not set', {
    remedy: 'run ./trellis test integration, or set them as test/README.md says',
  })
}

/** A real OpenStack and a real API server. */
export interface Bed extends AsyncDisposable {
  readonly openStack: OpenStack
  readonly controlPlane: TestControlPlane
  /** A project of its own with the namespace of one shoot. */
  openProject(): Promise<Project>
}

/** One shoot's place at both. */
export interface Project {
  readonly id: string
  readonly technicalId: string
  readonly secret: Readonly<Record<string, string>>
  /** A request for this shoot's networks. */
  request(changes?: Parameters<typeof infrastructureRequest>[0]): ReturnType<typeof infrastructureRequest>
  /** The engine, with the real program unless told. */
  engine(program?: string): ReturnType<typeof createOpenTofuInfrastructure>
  /** How many of each kind of thing the project has; the group that every project has is left out. */
  count(): Promise<Readonly<Record<string, number>>>
}

const outside = 'outside'

/** Starts both: a minute when all is cached. */
export async function startBed(): Promise<Bed> {
  const [clock, random, runner] = [createSystemClock(), createSystemRandom(), createCommandRunner()]
  const cacheDirectory = process.env.TRELLIS_CACHE ?? '/var/cache/trellis'
  const parts = openTofuParts()
  await using stack = new AsyncDisposableStack()
  const openStack = stack.use(await startOpenStack({ clock, random, runner, cacheDirectory }))
  const controlPlane = stack.use(await startTestControlPlane())
  const memory = stack.use(await createTemporaryDirectory())
  await makeOutside(openStack)
  const owned = stack.move()

  const openProject = async (): Promise<Project> => {
    const account = await openStack.addAccount()
    const technicalId = `shoot--local--${random.text(6)}`
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: technicalId } }
    await controlPlane.client.create(namespaces, object)
    const cloud = connectedOpenStack({ clock, random, dnsServers: ['10.0.0.53'] })
    return {
      ...account,
      id: account.project,
      technicalId,
      request: (changes) =>
        infrastructureRequest({
          technicalId,
          region: openStack.region,
          secret: account.secret,
          configuration: { floatingPoolName: outside },
          ...changes,
        }),
      engine: (program = parts.program) =>
        createOpenTofuInfrastructure({
          clock,
          random,
          cloud,
          modulesDirectory,
          providersDirectory: parts.providersDirectory,
          client: controlPlane.client,
          log: createSilentLog(),
          memoryDirectory: memory.path,
          gate: createGate(1),
          tofu: createOpenTofu({
            clock,
            program,
            graceMilliseconds: 60_000,
            settleMilliseconds: 10_000,
            parallelism: 10,
          }),
        }),
      count: () => countThings(openStack, account.project),
    }
  }
  return { openStack, controlPlane, openProject, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function makeOutside({ administrator: { call } }: OpenStack): Promise<void> {
  const { network } = await call<{ network: { id: string } }>('neutron', 'POST', '/networks', {
    network: {
      name: outside,
      'router:external': true,
      'provider:network_type': 'flat',
      'provider:physical_network': 'physical',
    },
  })
  await call('neutron', 'POST', '/subnets', {
    subnet: { name: outside, network_id: network.id, ip_version: 4, cidr: '172.31.255.0/24', enable_dhcp: false },
  })
}

type Things = Readonly<Record<string, readonly { readonly name?: string; readonly device_owner?: string }[]>>

async function countThings({ administrator: { call } }: OpenStack, project: string) {
  const list = async (plural: string) => {
    const things = await call<Things>('neutron', 'GET', `/${plural}?project_id=${project}`)
    return (things[plural.replaceAll('-', '_')] ?? []).filter((one) => one.name !== 'default')
  }
  const [routers, networks, subnets, ports, groups] = await Promise.all(
    ['routers', 'networks', 'subnets', 'ports', 'security-groups'].map(list),
  )
  return {
    routers: routers?.length ?? 0,
    networks: networks?.length ?? 0,
    subnets: subnets?.length ?? 0,
    interfaces: (ports ?? []).filter((port) => port.device_owner?.startsWith('network:router_interface')).length,
    groups: groups?.length ?? 0,
  }
}
