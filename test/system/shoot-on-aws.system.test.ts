import { createCloudClient } from '@trellis/cloudprovider/local/client'
import { exampleGrowth, readExamples } from '@trellis/cluster-bootstrap/testing/example-clouds'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AwsWithMachines, startAws } from '../bridge/aws/start-aws.ts'
import { compareSnapshots, type HostSnapshot, takeHostSnapshot } from './support/host-snapshot.ts'
import { eventually, prepareInstallation, type TestInstallation } from './support/installation.ts'
import { expectPodsReachEachOther } from './support/node-to-node.ts'
import { agnhostImage, asList } from './support/objects.ts'
import { deleteShoot } from './support/shoots.ts'

const [name, prefix] = ['onaws', '198.21'] as const
const runner = createCommandRunner()
const image = agnhostImage(JSON.parse(process.env.TRELLIS_IMAGES ?? '{}') as Record<string, string>)
const technicalId = 'shoot--local--on-aws'

let before: HostSnapshot
let installation: TestInstallation
let aws: AwsWithMachines
const stack = new AsyncDisposableStack()

const garden = (args: readonly string[], input?: string) =>
  installation.must(['kubectl', '--garden', '--namespace', 'garden-local', ...args], input)
const shoot = (args: readonly string[], input?: string) =>
  installation.must(['kubectl', '--shoot', 'on-aws', ...args], input)

beforeAll(async () => {
  before = await takeHostSnapshot(runner, name)
  installation = stack.use(await prepareInstallation(name, prefix))
  await installation.must(['up'])
  // Its machines would be two more on this host, for nothing.
  await deleteShoot(installation, 'first')
  const local = stack.use(createCloudClient({ socketPath: installation.cloudSocket }))
  const ports = { clock: createSystemClock(), random: createSystemRandom(), local }
  aws = stack.use(await startAws({ ...ports, address: `${prefix}.0.2`, image: 'trellis-worker' }))
  await garden(['apply', '--server-side', '-f', '-'], asList(await objectsFor(aws)))
})

afterAll(async () => {
  await stack.disposeAsync()
  expect(compareSnapshots(before, await takeHostSnapshot(runner, name))).toEqual([])
})

/** The example of AWS, in the region and at the address of this one. */
async function objectsFor({ url, region }: AwsWithMachines): Promise<readonly object[]> {
  const { cloudProfile, shoot: example } = await exampleGrowth('aws')
  const endpoints = { ec2: url, iam: url, elasticloadbalancing: url }
  cloudProfile.spec.providerConfig = { ...cloudProfile.spec.providerConfig, endpoints }
  const credentials = await readExamples<object>('aws', 'secret')
  const text = JSON.stringify([cloudProfile, ...credentials, example])
  return JSON.parse(
    text
      .replaceAll('eu-central-1', region)
      .replace('<access key ID>', 'AKIAIOSFODNN7EXAMPLE')
      .replace('<secret access key>', 'wJalrXUtnFEMI'),
  )
}

interface NodeView {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly providerID: string }
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] }
}

async function nodes(): Promise<readonly NodeView[]> {
  return JSON.parse(await shoot(['get', 'nodes', '-o', 'json'])).items
}

describe('a shoot on AWS', () => {
  it('gets nodes that are ready, told by EC2 who they are', async () => {
    await eventually(300, async () => {
      const ready = (await nodes()).filter(({ status }) =>
        status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
      )
      expect(ready).toHaveLength(2)
    })
    for (const { metadata, spec } of await nodes()) {
      expect(metadata.name).toMatch(/^ip-10-250-\d+-\d+\.eu-west-1\.compute\.internal$/)
      expect(spec.providerID).toMatch(/^aws:\/\/\/eu-west-1\/i-[0-9a-f]+$/)
    }
  })

  it('is wholly well: a tunnel, add-ons that run, pods that reach each other from node to node', async () => {
    await eventually(180, async () => {
      const { status } = JSON.parse(await garden(['get', 'shoot', 'on-aws', '-o', 'json']))
      const conditions = status.conditions as readonly { type: string; status: string; message: string }[]
      expect(conditions.filter((one) => one.status !== 'True')).toEqual([])
      expect(status.lastOperation.state).toBe('Succeeded')
    })
    await expectPodsReachEachOther(shoot, image)
  })

  it('goes, and leaves nothing at AWS', async () => {
    await deleteShoot(installation, 'on-aws')
    const filter = { 'Filter.1.Name': 'tag-key', 'Filter.1.Value.1': `kubernetes.io/cluster/${technicalId}` }
    for (const action of ['DescribeVpcs', 'DescribeSubnets', 'DescribeVolumes', 'DescribeNetworkInterfaces']) {
      expect(await aws.moto.ask('ec2', action, filter), action).not.toContain(technicalId)
    }
  })
})
