import { describeCloudRoutes } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import { describeDriver } from '@trellis/cloudprovider/contract/testing/driver-conformance'
import { describeInfrastructure } from '@trellis/cluster-bootstrap/testing/infrastructure-conformance'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe } from 'vitest'
import { type OpenStack, startOpenStack } from './start-openstack.ts'
import { type ClassParts, clientOf, makeClassParts } from './support/class-parts.ts'
import { describeFailures } from './support/describe-failures.ts'
import { openHarness } from './support/harness.ts'
import { openInfrastructureHarness } from './support/infrastructure-harness.ts'
import { openNetworkWorld } from './support/network-world.ts'
import { prepareWorld, type World } from './support/world.ts'

const random = createSystemRandom()
/** Packages, the virtual environment and the databases are made here the first time. */
const firstTimeMilliseconds = 1_800_000

let openStack: OpenStack
let world: World
let parts: ClassParts

beforeAll(async () => {
  openStack = await startOpenStack({
    clock: createSystemClock(),
    random,
    runner: createCommandRunner(),
    cacheDirectory: process.env.TRELLIS_CACHE ?? '/var/cache/trellis',
  })
  world = await prepareWorld(openStack)
  parts = await makeClassParts(world)
}, firstTimeMilliseconds)

afterAll(async () => {
  parts?.[Symbol.dispose]()
  await openStack?.[Symbol.asyncDispose]()
})

describe('OpenStack 2024.1', { timeout: 300_000 }, () => {
  describe('refusals', () => describeFailures(() => ({ parts, administrator: openStack.administrator })))
  describeDriver('the OpenStack driver', async () => openHarness(parts, random.text(8)), [])
  describeCloudRoutes('OpenStack', async () => openNetworkWorld(parts, random.text(8)))
  describeInfrastructure('infrastructure at OpenStack', async () => {
    const account = await openStack.addAccount()
    return openInfrastructureHarness({
      account,
      client: clientOf(account, openStack.region),
      region: openStack.region,
      externalNetwork: world.externalNetwork.name,
      unique: random.text(6),
    })
  })
})
