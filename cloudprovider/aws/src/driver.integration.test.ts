import { type DriverHarness, describeDriver } from '@trellis/cloudprovider/contract/testing/driver-conformance'
import { createSystemClock } from '@trellis/foundation/clock'
import { afterAll, beforeAll } from 'vitest'
import { machineTags, prepareAccount } from '../testing/account.ts'
import { startEc2Front } from '../testing/ec2-front.ts'
import { type Moto, motoRegion, startMoto } from '../testing/moto.ts'
import { createAwsDriver } from './driver.ts'
import { providerIdOf } from './server-description.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

async function open(): Promise<DriverHarness> {
  const account = await prepareAccount(moto)
  await using stack = new AsyncDisposableStack()
  const front = stack.use(await startEc2Front(moto.url))
  const make = () => stack.use(createAwsDriver({ clock: createSystemClock(), endpoints: front.endpoints }))
  const driver = make()
  const owned = stack.move()
  return {
    driver,
    restarted: () => owned.use(createAwsDriver({ clock: createSystemClock(), endpoints: front.endpoints })),
    providerSpec: account.providerSpec,
    secret: account.secret,
    elapse: (work) => work(),
    servers: async () => (await account.serverIds()).length,
    duplicate: async (machineName) => providerIdOf(motoRegion, await account.duplicate(machineName)),
    volumes: [
      { volume: { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' } }, id: 'vol-1' },
      { volume: { awsElasticBlockStore: { volumeID: 'aws://eu-west-1a/vol-2' } }, id: 'vol-2' },
    ],
    loseNextCreation: () => front.fail('RunInstances', 'lose the answer'),
    leaveBehind: async (machineName, cluster) => {
      await account.leaveInterface(machineTags(machineName, cluster))
    },
    mutable: {
      change: { tags: { ...machineTagsOf('one'), colour: 'red' } },
      fields: account.tagsOf,
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function machineTagsOf(cluster: string): Readonly<Record<string, string>> {
  const { Name: _, ...tags } = machineTags('', cluster)
  return tags
}

describeDriver('the AWS driver in front of moto', open, [
  { reason: 'an unknown field', change: { colour: 'red' }, field: 'providerSpec.colour' },
  { reason: 'a missing machine type', change: { machineType: undefined }, field: 'providerSpec.machineType' },
  { reason: 'an image that is not there', change: { ami: 'ami-0000000000000000f' }, field: 'providerSpec.ami' },
  { reason: 'tags without a role', change: { tags: { 'kubernetes.io/cluster/one': '1' } }, field: 'providerSpec.tags' },
])
