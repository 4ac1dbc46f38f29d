import { createOpenStackDriver } from '@trellis/cloudprovider/openstack/driver'
import { createWholeDouble } from '@trellis/cloudprovider/openstack/testing/whole-double'
import { createSeededRandom } from '@trellis/foundation/random'
import { type ExampleGrowth, exampleGrowth } from '../../testing/example-clouds.ts'
import { createHastyClock } from '../../testing/hasty-clock.ts'
import { openStackHoldings } from '../../testing/openstack-holdings.ts'
import { describeShootOn, type ShootHarness } from '../../testing/shoot-conformance.ts'
import { createOpenStackInfrastructure } from '../infrastructure/openstack/engine.ts'

const account = { domainName: 'Default', tenantName: 'project', username: 'user', password: 'correct-horse' }

/** The example, asking for what the double has. */
async function exampleAt(): Promise<ExampleGrowth> {
  const example = await exampleGrowth('openstack')
  const names = [
    ['m1.medium', 'm1.small'],
    ['trellis-worker-1.0.0', 'debian'],
    ['"public"', '"outside"'],
  ] as const
  const { cloud, ...rest } = example
  const text = names.reduce((all, [from, to]) => all.replaceAll(from, to), JSON.stringify(rest))
  return { cloud, ...JSON.parse(text) }
}

async function open(): Promise<ShootHarness> {
  const { connect, network, cloud } = createWholeDouble()
  const ports = { clock: createHastyClock(), connect }
  const { cloud: known, ...example } = await exampleAt()
  const engine = createOpenStackInfrastructure({ ...ports, random: createSeededRandom('infrastructure') })
  const driver = createOpenStackDriver(ports)
  const connection = async () => ({ engine, driver, [Symbol.dispose]: () => driver[Symbol.dispose]() })
  return {
    growth: { ...example, cloud: { ...known, connect: connection } },
    account,
    hidden: account.password,
    servers: async () => [...cloud.servers.keys()],
    holdings: async () => openStackHoldings(network, 'shoot--local--on-os'),
    settle: () => cloud.settle(),
    [Symbol.asyncDispose]: async () => driver[Symbol.dispose](),
  }
}

describeShootOn('OpenStack in memory', open, {
  noted: ['router', 'network', 'subnet', 'security-group', 'key-pair'],
  providerId: /^openstack:\/\/\/RegionOne\/server-/,
  parts: 1,
})
