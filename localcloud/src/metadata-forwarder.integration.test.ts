import { createServer, type Server } from 'node:http'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CloudHarness, startCloudHarness } from '../testing/cloud-harness.ts'
import { createEc2Metadata, type Ec2Facts } from '../testing/ec2-metadata.ts'
import { hostAddress } from './cloud-network.ts'

const userData = `#cloud-config
write_files:
- path: /var/lib/told
  content: by the imitation
`

const facts: Ec2Facts = {
  instanceId: 'i-0123456789abcdef0',
  localHostname: 'ip-10-250-7-9.eu-central-1.compute.internal',
  localAddress: '10.250.7.9',
  availabilityZone: 'eu-central-1a',
  region: 'eu-central-1',
  instanceType: 'm5.large',
  imageId: 'ami-1',
  mac: '02:00:00:00:00:01',
  userData,
}

let cloud: CloudHarness
let imitation: Server
let id = ''

beforeAll(async () => {
  cloud = await startCloudHarness()
  const { clock } = cloud
  const tell = (serverId: string) => (serverId === id ? facts : undefined)
  imitation = createServer(createEc2Metadata({ clock, random: createSystemRandom(), tell }))
  const address = hostAddress(cloud.configuration.publicRange)
  const port = await new Promise<number>((resolve) => {
    imitation.listen(0, address, () => resolve((imitation.address() as { port: number }).port))
  })
  await cloud.call('POST', '/v1/networks', { name: 'alpha', cidr: '10.250.0.0/16' })
  const made = await cloud.call('POST', '/v1/servers', {
    name: 'i-0123456789abcdef0',
    network: 'alpha',
    image: 'machine',
    flavor: 'small',
    userData: '',
    privateAddress: facts.localAddress,
    metadataService: { url: `http://${address}:${port}`, datasource: 'Ec2' },
  })
  id = made.body.id
  await cloud.until('the start', async () => (await cloud.call('GET', `/v1/servers/${id}`)).body.state === 'running')
  await cloud.exec(id, 'cloud-init', 'status', '--wait')
})

afterAll(async () => {
  imitation.closeAllConnections()
  await new Promise((resolve) => imitation.close(resolve))
  await cloud[Symbol.asyncDispose]()
  expect(await cloud.traces()).toEqual([])
})

const ask = (...words: readonly string[]) =>
  cloud.exec(id, 'curl', '-s', '-w', ' %{http_code}', ...words.slice(0, -1), `http://169.254.169.254${words.at(-1)}`)

describe('a server of an imitated cloud', () => {
  it('learns from that cloud’s metadata who it is and what to do, through cloud-init’s own source', async () => {
    expect(await cloud.exec(id, 'cat', '/var/lib/told')).toBe('by the imitation')
    expect(await cloud.exec(id, 'cloud-init', 'query', 'ds.meta_data')).toContain(facts.localHostname)
    expect(await cloud.exec(id, 'ip', '-4', 'address', 'show', 'eth0')).toContain('10.250.7.9/16')
    expect(await cloud.exec(id, 'cloud-init', 'query', 'instance_id')).toContain(facts.instanceId)
    expect(await cloud.exec(id, 'cloud-init', 'query', 'v1.platform')).toContain('ec2')
  })

  it('gets tokens and is held to them', async () => {
    const [token] = (
      await ask('-X', 'PUT', '-H', 'x-aws-ec2-metadata-token-ttl-seconds: 60', '/latest/api/token')
    ).split(' ')
    const path = '/latest/meta-data/instance-id'
    expect(await ask('-H', `x-aws-ec2-metadata-token: ${token}`, path)).toBe(`${facts.instanceId} 200`)
    expect(await ask('-H', 'x-aws-ec2-metadata-token: guessed', path)).toBe(' 401')
  })

  it('cannot ask in the name of another', async () => {
    expect(await ask('-H', 'x-instance-id: srv-other', '/latest/meta-data/instance-id')).toBe(`${facts.instanceId} 200`)
  })

  it('is refused what no metadata service takes', async () => {
    expect(await ask('-X', 'POST', '/latest/meta-data/')).toBe(' 405')
  })
})
