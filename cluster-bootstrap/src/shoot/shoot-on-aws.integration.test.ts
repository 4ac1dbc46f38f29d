import { startEc2Front } from '@trellis/cloudprovider/aws/testing/ec2-front'
import { contents, type Moto, motoRegion, startMoto } from '@trellis/cloudprovider/aws/testing/moto'
import { createSystemClock } from '@trellis/foundation/clock'
import { afterAll, beforeAll } from 'vitest'
import { awsHoldings } from '../../testing/aws-harness.ts'
import { type ExampleGrowth, exampleGrowth } from '../../testing/example-clouds.ts'
import { describeShootOn, type ShootHarness } from '../../testing/shoot-conformance.ts'
import { awsCloud } from '../clouds/aws/cloud.ts'
import type { ShootCloud } from '../clouds/cloud.ts'

const account = { accessKeyID: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI' }

let moto: Moto
beforeAll(async () => {
  moto = await startMoto()
}, 600_000)
afterAll(() => moto?.[Symbol.asyncDispose]())

/** The cloud as it is, but that its requests take real time, while nothing passes in the rest of the world. */
const cloud: ShootCloud = {
  ...awsCloud,
  connect: (ports, endpoints) => {
    if (awsCloud.connect === undefined) throw new TypeError('AWS can be reached')
    return awsCloud.connect({ ...ports, clock: createSystemClock() }, endpoints)
  },
}

/** The example in moto's region, whose profile leads to moto. */
async function exampleAt(url: string): Promise<ExampleGrowth> {
  const { shoot, cloudProfile } = await exampleGrowth('aws')
  const endpoints = { ec2: url, iam: url, elasticloadbalancing: url }
  cloudProfile.spec.providerConfig = { ...cloudProfile.spec.providerConfig, endpoints }
  return { cloud, ...JSON.parse(JSON.stringify({ shoot, cloudProfile }).replaceAll('eu-central-1', motoRegion)) }
}

/** Ids of servers that have not ended. */
async function serverIds(): Promise<readonly string[]> {
  const states = {
    'Filter.1.Name': 'instance-state-name',
    'Filter.1.Value.1': 'pending',
    'Filter.1.Value.2': 'running',
  }
  return contents(await moto.ask('ec2', 'DescribeInstances', states), 'instanceId')
}

async function open(): Promise<ShootHarness> {
  await moto.reset()
  const front = await startEc2Front(moto.url)
  return {
    growth: await exampleAt(front.url),
    account,
    hidden: account.secretAccessKey,
    servers: serverIds,
    holdings: () => awsHoldings(moto, 'shoot--local--on-aws', (name, id) => `${id} ${name}`),
    [Symbol.asyncDispose]: () => front[Symbol.asyncDispose](),
  }
}

describeShootOn('AWS in front of moto', open, {
  noted: ['vpc'],
  providerId: new RegExp(`^aws:///${motoRegion}/i-`),
  parts: 2,
})
