import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CloudName, cloudNames, neededFlags, openCloud } from './clouds.ts'
import { readSecretFiles } from './secret-files.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'clouds-'))
})
afterEach(() => rm(directory, { recursive: true }))

/** A Secret as a kubelet mounts it: the keys are links into the generation of the day. */
async function mount(data: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(directory, '..2026_01_01'))
  await symlink('..2026_01_01', join(directory, '..data'))
  for (const [key, value] of Object.entries(data)) {
    await writeFile(join(directory, '..2026_01_01', key), value)
    await symlink(join('..data', key), join(directory, key))
  }
}

function open(name: CloudName, endpoints: Readonly<Record<string, string>> = {}) {
  const settings = {
    credentialsDirectory: directory,
    clusterName: 'one',
    network: 'net',
    region: 'eu-west-1',
    loadBalancerProvider: '',
    endpoints,
  }
  return openCloud(name, { clock: createSystemClock(), registry: new Registry() }, settings)
}

describe('openCloud', () => {
  it('opens AWS with the keys of its Secret and addresses of its services', async () => {
    await mount({ accessKeyID: 'AKIA', secretAccessKey: 'secret' })
    using network = await open('aws', { ec2: 'https://ec2.example', elasticloadbalancing: 'https://elb.example' })
    expect(network.ensureRoute).toBeTypeOf('function')
  })

  it('opens OpenStack with the keys of its Secret', async () => {
    const account = { domainName: 'Default', tenantName: 'project', username: 'user', password: 'secret' }
    await mount({ authURL: 'https://keystone.example.org:5000/v3', ...account })
    using network = await open('openstack')
    expect(network.ensureRoute).toBeTypeOf('function')
  })

  it('opens the embedded cloud', async () => {
    await mount({ endpoint: 'https://198.18.0.1:8443', token: 'secret', caBundle: 'PEM' })
    using network = await open('local')
    expect(network.ensureLoadBalancer).toBeTypeOf('function')
  })

  it.each(cloudNames)('refuses an address of a service that %s does not have', async (name) => {
    await mount({})
    await expect(open(name, { ecs2: 'https://ec2.example' })).rejects.toMatchObject({
      kind: 'Invalid',
      field: '--cloud-endpoints',
      message: expect.stringContaining('ecs2'),
    })
  })

  it('names the key that credentials lack, and says nothing of the others', async () => {
    await mount({ accessKeyID: 'AKIA' })
    await expect(open('aws')).rejects.toMatchObject({ kind: 'Invalid', field: 'secretRef.data.secretAccessKey' })
    await expect(open('aws')).rejects.not.toThrow('AKIA')
  })

  it('knows what each cloud cannot do without', () => {
    expect(cloudNames.map((name) => [name, neededFlags(name)])).toEqual([
      ['local', ['network']],
      ['aws', ['region']],
      ['openstack', ['network', 'region']],
      ['gcp', ['network']],
    ])
  })
})

describe('readSecretFiles', () => {
  it('reads the keys of a mounted Secret, and nothing of how it is mounted', async () => {
    await mount({ a: '1\n', b: '2' })
    expect(await readSecretFiles(directory)).toEqual({ a: '1\n', b: '2' })
  })

  it('says which directory has no credentials', async () => {
    for (const place of [directory, join(directory, 'none')]) {
      await expect(readSecretFiles(place)).rejects.toMatchObject({ kind: 'NotFound', field: '--cloud-credentials' })
    }
  })
})
