import { type DriverHarness, describeDriver } from '@trellis/cloudprovider/contract/testing/driver-conformance'
import { createSystemClock } from '@trellis/foundation/clock'
import { Failure, type FailureKind } from '@trellis/foundation/failure'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { type CloudDouble, createCloudDouble } from '../testing/cloud-double.ts'
import { exampleSecret, exampleSpec } from '../testing/example-class.ts'
import { exampleVolumes } from '../testing/example-volumes.ts'
import { createOpenStackDriver } from './driver.ts'

const clock = createSystemClock()
const tagsOf = (cluster: string) => ({ [`kubernetes.io-cluster-${cluster}`]: '1', 'kubernetes.io-role-node': '1' })
const marksOf = (cluster: string) => [`kubernetes.io-cluster-${cluster}`, 'kubernetes.io-role-node']

function specOf(cluster: string, change: Readonly<Record<string, unknown>> = {}) {
  const spec: Record<string, unknown> = { ...exampleSpec, subnetIDs: ['subnet-1'], tags: tagsOf(cluster), ...change }
  for (const [key, value] of Object.entries(change)) if (value === undefined) delete spec[key]
  return { spec }
}

const driverOf = (cloud: CloudDouble, registry?: Registry) =>
  createOpenStackDriver({ clock, connect: cloud.connect, ...(registry === undefined ? {} : { registry }) })

const request = {
  machineName: 'machine-a',
  providerSpec: specOf('one'),
  secret: exampleSecret,
  userData: '#cloud-config\n',
}

async function open(): Promise<DriverHarness> {
  const cloud = createCloudDouble()
  const named = (machineName: string, cluster: string) => {
    const [mark = ''] = marksOf(cluster)
    const found = [...cloud.servers.values()].find(({ name, metadata }) => name === machineName && mark in metadata)
    if (found === undefined) throw new Failure('NotFound', `${machineName} has no server`)
    return found
  }
  return {
    driver: driverOf(cloud),
    restarted: () => driverOf(cloud),
    providerSpec: specOf,
    secret: exampleSecret,
    elapse: async (work) => {
      try {
        return await work()
      } finally {
        cloud.settle()
      }
    },
    volumes: exampleVolumes,
    servers: async () => cloud.servers.size,
    loseNextCreation: () => cloud.failNext('createServer', new Failure('Timeout', 'no answer'), 'after'),
    duplicate: (machineName) => {
      const server = { ...named(machineName, 'one'), id: `server-${machineName}-2` }
      cloud.servers.set(server.id, server)
      return `openstack:///RegionOne/${server.id}`
    },
    leaveBehind: (machineName, cluster) => void cloud.addPort(machineName, marksOf(cluster)),
    mutable: {
      change: specOf('one', {
        tags: { ...tagsOf('one'), colour: 'blue' },
        securityGroups: ['nodes', 'group-2'],
        podNetworkCIDRs: ['100.96.0.0/16', '100.98.0.0/16'],
      }),
      fields: async (machineName, cluster) => {
        const { id, metadata } = named(machineName, cluster)
        const ports = [...cloud.ports.values()].filter(({ device_id }) => device_id === id)
        return {
          metadata,
          groups: ports.map(({ security_groups }) => security_groups),
          pairs: ports.map(({ allowed_address_pairs }) => allowed_address_pairs),
        }
      },
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

describeDriver('the OpenStack driver', open, [
  { reason: 'an unknown field', change: specOf('one', { colour: 'red' }), field: 'providerSpec.spec.colour' },
  {
    reason: 'a missing flavor',
    change: specOf('one', { flavorName: undefined }),
    field: 'providerSpec.spec.flavorName',
  },
  {
    reason: 'an image that is not there',
    change: specOf('one', { imageID: undefined, imageName: 'nope' }),
    field: 'providerSpec.spec.imageName',
  },
  {
    reason: 'a security group that is not there',
    change: specOf('one', { securityGroups: ['nodes', 'nope'] }),
    field: 'providerSpec.spec.securityGroups[1]',
  },
  {
    reason: 'tags without a role',
    change: specOf('one', { tags: { 'kubernetes.io-cluster-one': '1' } }),
    field: 'providerSpec.spec.tags',
  },
])

describe('creation', () => {
  it('asks for the server that the class describes', async () => {
    const cloud = createCloudDouble()
    const made = await driverOf(cloud).createMachine({
      ...request,
      providerSpec: specOf('one', {
        rootDiskSize: 50,
        rootDiskType: 'fast',
        useConfigDrive: true,
        serverGroupID: 'group',
        podNetworkCIDRs: ['100.96.0.0/16', 'fd00::/64'],
      }),
    })
    const [port] = [...cloud.ports.values()]
    expect(port).toMatchObject({
      name: 'machine-a',
      network_id: 'network-1',
      fixed_ips: [{ subnet_id: 'subnet-1' }],
      security_groups: ['group-1'],
      allowed_address_pairs: [{ ip_address: '100.96.0.0/16' }, { ip_address: 'fd00::/64' }],
      tags: marksOf('one'),
    })
    expect(cloud.wishes).toEqual([
      {
        server: {
          name: 'machine-a',
          flavorRef: 'flavor-1',
          key_name: 'key',
          availability_zone: 'nova',
          user_data: Buffer.from('#cloud-config\n').toString('base64'),
          metadata: tagsOf('one'),
          tags: marksOf('one'),
          networks: [{ port: port?.id }],
          config_drive: true,
          block_device_mapping_v2: [
            {
              boot_index: 0,
              uuid: 'image-1',
              source_type: 'image',
              destination_type: 'volume',
              volume_size: 50,
              delete_on_termination: true,
              volume_type: 'fast',
            },
          ],
        },
        hints: { group: 'group' },
        microversion: '2.67',
      },
    ])
    expect(made).toMatchObject({ nodeName: 'machine-a', state: 'creating', initialized: true })
  })

  it('makes ports where pods talk, and leaves other networks to Nova', async () => {
    const cloud = createCloudDouble()
    const networks = [{ name: 'nodes', podNetwork: true }, { id: 'network-2' }]
    const change = { networkID: undefined, subnetIDs: undefined, networks }
    await driverOf(cloud).createMachine({ ...request, providerSpec: specOf('one', change) })
    const [port] = [...cloud.ports.values()]
    expect(cloud.wishes[0]?.server).toMatchObject({
      networks: [{ port: port?.id }, { uuid: 'network-2' }],
      security_groups: [{ name: 'nodes' }],
      imageRef: 'image-1',
    })
  })

  it.each<{ kind: FailureKind; ports: number }>([
    { kind: 'Exhausted', ports: 0 },
    { kind: 'Invalid', ports: 0 },
    { kind: 'Forbidden', ports: 0 },
    { kind: 'Timeout', ports: 1 },
    { kind: 'Unavailable', ports: 1 },
  ])('leaves $ports ports when Nova says $kind, and uses them the next time', async ({ kind, ports }) => {
    const cloud = createCloudDouble()
    const refusal = new Failure(kind, 'no')
    cloud.failNext('createServer', refusal)
    await expect(driverOf(cloud).createMachine(request)).rejects.toBe(refusal)
    expect(cloud.ports.size).toBe(ports)
    await driverOf(cloud).createMachine(request)
    expect(cloud.ports.size).toBe(1)
    expect(cloud.servers.size).toBe(1)
  })

  it.each<{ call: string; kind: FailureKind; ports: number; says: FailureKind }>([
    { call: 'ports.create', kind: 'Exhausted', ports: 0, says: 'Exhausted' },
    { call: 'ports.create', kind: 'NotFound', ports: 0, says: 'Invalid' },
    { call: 'setNetworkTags', kind: 'Forbidden', ports: 0, says: 'Forbidden' },
    { call: 'setNetworkTags', kind: 'Timeout', ports: 1, says: 'Timeout' },
  ])('says $says and leaves $ports ports when $call is answered with $kind', async ({ call, kind, ports, says }) => {
    const cloud = createCloudDouble()
    cloud.failNext(call, new Failure(kind, 'no'))
    await expect(driverOf(cloud).createMachine(request)).rejects.toMatchObject({ kind: says })
    expect(cloud.ports.size).toBe(ports)
    expect(cloud.servers.size).toBe(0)
  })

  it('takes the first port away again when the second is refused', async () => {
    const cloud = createCloudDouble()
    const networks = ['network-1', 'network-2'].map((id) => ({ id, podNetwork: true }))
    const providerSpec = specOf('one', { networkID: undefined, subnetIDs: undefined, networks })
    const create = cloud.connect().ports.create
    let count = 0
    const connect = () => {
      const client = cloud.connect()
      const refuse = () => Promise.reject(new Failure('Exhausted', 'no more ports'))
      const ports = {
        ...client.ports,
        create: (...args: Parameters<typeof create>) => (++count === 2 ? refuse() : create(...args)),
      }
      return { ...client, ports }
    }
    await expect(
      createOpenStackDriver({ clock, connect }).createMachine({ ...request, providerSpec }),
    ).rejects.toMatchObject({
      kind: 'Exhausted',
    })
    expect(cloud.ports.size).toBe(0)
  })

  it('uses a port that was made and not marked when it was cut short', async () => {
    const cloud = createCloudDouble()
    cloud.failNext('setNetworkTags', new Failure('Unavailable', 'the process died'))
    await expect(driverOf(cloud).createMachine(request)).rejects.toMatchObject({ kind: 'Unavailable' })
    await driverOf(cloud).createMachine(request)
    expect([...cloud.ports.values()]).toMatchObject([{ tags: marksOf('one') }])
  })

  it.each([
    ['No valid host was found. ', 'Exhausted'],
    ['Build of instance x aborted: no', 'Unavailable'],
  ])('removes a server that failed with "%s" and its port, and says %s', async (message, kind) => {
    const cloud = createCloudDouble()
    const driver = driverOf(cloud)
    cloud.failNextServer(message)
    await driver.createMachine(request)
    cloud.settle()
    expect(await driver.getMachineStatus(request)).toMatchObject({ state: 'failed', reason: message.trim() })
    await expect(driver.createMachine(request)).rejects.toMatchObject({ kind })
    await expect(driver.createMachine(request)).rejects.toMatchObject({ kind: 'Unavailable' })
    cloud.settle()
    expect(await driver.deleteMachine(request)).toBe('gone')
    expect(cloud.ports.size).toBe(0)
  })

  it('refuses user-data that Nova would not take, before anything is made', async () => {
    const cloud = createCloudDouble()
    const userData = 'x'.repeat(49_152)
    await expect(driverOf(cloud).createMachine({ ...request, userData })).rejects.toMatchObject({
      kind: 'Invalid',
      field: 'secretRef.data.userData',
    })
    expect(cloud.calls).toEqual([])
    await driverOf(cloud).createMachine({ ...request, userData: userData.slice(3) })
    expect(cloud.servers.size).toBe(1)
  })

  it('counts a flavor that is not there as a shortage', async () => {
    const providerSpec = specOf('one', { flavorName: 'none' })
    await expect(driverOf(createCloudDouble()).createMachine({ ...request, providerSpec })).rejects.toMatchObject({
      kind: 'Exhausted',
      field: 'providerSpec.spec.flavorName',
    })
  })

  it('adopts a server of the reference’s manager, and gives it the tags that it is found by', async () => {
    const cloud = createCloudDouble()
    const driver = driverOf(cloud)
    await driver.createMachine(request)
    cloud.settle()
    const [[id, server]] = [...cloud.servers] as [[string, Parameters<typeof cloud.servers.set>[1]]]
    cloud.servers.set(id, { ...server, tags: [] })
    const before = { ...(await driver.getMachineStatus(request)) }
    expect([...(await driver.listMachines(request)).values()]).toEqual(['machine-a'])
    expect((await driver.createMachine(request)).providerId).toBe(before.providerId)
    expect(cloud.servers.get(id)?.tags).toEqual(marksOf('one'))
  })

  it('marks with a digest what is too long for a tag', async () => {
    const cloud = createCloudDouble()
    const driver = driverOf(cloud)
    const cluster = 'x'.repeat(60)
    const one = { ...request, providerSpec: specOf(cluster) }
    await driver.createMachine(one)
    const [{ tags = [] } = {}] = [...cloud.servers.values()]
    expect(tags.every((tag) => tag.length <= 60)).toBe(true)
    expect((await driver.listMachines(one)).size).toBe(1)
    expect((await driver.listMachines({ ...one, providerSpec: specOf(`${cluster}y`) })).size).toBe(0)
  })
})

describe('calls of the cloud', () => {
  it('answers a hundred questions with few lists', async () => {
    const cloud = createCloudDouble()
    const driver = driverOf(cloud)
    const names = Array.from({ length: 100 }, (_, index) => `machine-${index}`)
    await Promise.all(names.map((machineName) => driver.createMachine({ ...request, machineName })))
    cloud.settle()
    cloud.calls.length = 0
    await Promise.all(names.map((machineName) => driver.getMachineStatus({ ...request, machineName })))
    expect(cloud.calls).toEqual(['servers.list'])
  })

  it('takes four calls of its own for each of many machines, and counts them as made', async () => {
    const cloud = createCloudDouble()
    const registry = new Registry()
    const driver = driverOf(cloud, registry)
    const names = Array.from({ length: 100 }, (_, index) => `machine-${index}`)
    await Promise.all(names.map((machineName) => driver.createMachine({ ...request, machineName })))
    expect(cloud.calls.length / names.length).toBeLessThanOrEqual(4.1)
    expect(await registry.metrics()).toContain('mcm_cloud_servers_made_total{provider="OpenStack"} 100')
  })
})

describe('deletion', () => {
  const withDisk = { ...request, providerSpec: specOf('one', { rootDiskSize: 5, rootDiskType: 'fast' }) }

  it('takes a root volume that was made apart, once nothing hangs on it, and no other', async () => {
    const cloud = createCloudDouble({ volumes: true })
    const driver = driverOf(cloud)
    const own = cloud.addVolume('machine-a', tagsOf('one'), { status: 'in-use', attachments: [{}] })
    cloud.addVolume('machine-a', tagsOf('two'))
    cloud.addVolume('machine-ab', tagsOf('one'))
    expect(await driver.deleteMachine(withDisk)).toBe('deleting')
    expect(cloud.volumes.size).toBe(3)
    cloud.volumes.set(own.id, { ...own, status: 'available', attachments: [] })
    expect(await driver.deleteMachine(withDisk)).toBe('deleting')
    expect(await driver.deleteMachine(withDisk)).toBe('gone')
    expect([...cloud.volumes.keys()]).toEqual(['volume-2', 'volume-3'])
  })

  it('waits for a port that something still has', async () => {
    const cloud = createCloudDouble()
    const port = cloud.addPort('machine-a', marksOf('one'), { device_id: 'other', device_owner: 'compute:nova' })
    expect(await driverOf(cloud).deleteMachine(request)).toBe('deleting')
    cloud.ports.set(port.id, { ...port, device_id: '' })
    expect(await driverOf(cloud).deleteMachine(request)).toBe('gone')
    expect(cloud.ports.size).toBe(0)
  })
})

describe('leftovers', () => {
  it('are ports, volumes and addresses with our marks that no server has', async () => {
    const cloud = createCloudDouble({ volumes: true })
    const driver = driverOf(cloud)
    const lost = cloud.addPort('machine-b', marksOf('one'), { device_id: 'gone', device_owner: 'compute:nova' })
    cloud.addPort('router', marksOf('one'), { device_id: 'router', device_owner: 'network:router_interface' })
    const disk = cloud.addVolume('machine-c', tagsOf('one'))
    cloud.addVolume('machine-d', tagsOf('one'), { status: 'in-use', attachments: [{}] })
    cloud.addVolume('pvc-1', { 'cinder.csi.openstack.org/cluster': 'one' })
    const address = { id: 'address-1', floating_ip_address: '192.0.2.1', description: 'machine-e', port_id: null }
    cloud.floatingIps.set('address-1', { ...address, tags: marksOf('one') })
    cloud.floatingIps.set('address-2', { ...address, id: 'address-2', port_id: 'port', tags: marksOf('one') })
    const left = await driver.listLeftovers?.(request)
    const createdAt = Date.UTC(2026, 0, 1)
    expect(left).toEqual([
      { id: `port/${lost.id}`, kind: 'port', machineName: 'machine-b', createdAt },
      { id: `disk/${disk.id}`, kind: 'disk', machineName: 'machine-c', createdAt },
      { id: 'address/address-1', kind: 'address', machineName: 'machine-e' },
    ])
    for (const one of left ?? []) await driver.deleteLeftover?.(request, one)
    expect(await driver.listLeftovers?.(request)).toEqual([])
  })

  it('are spared when a server has them by now', async () => {
    const cloud = createCloudDouble()
    const driver = driverOf(cloud)
    const port = cloud.addPort('machine-a', marksOf('one'))
    const [leftover] = (await driver.listLeftovers?.(request)) ?? []
    if (leftover === undefined) throw new Failure('NotFound', 'nothing is listed')
    await driver.createMachine(request)
    expect(cloud.ports.get(port.id)?.device_id).not.toBe('')
    await expect(driver.deleteLeftover?.(request, leftover)).rejects.toMatchObject({ kind: 'Conflict' })
  })
})

describe('the volumes of pods', () => {
  it('are those of Cinder', async () => {
    const volumes = [
      { csi: { driver: 'cinder.csi.openstack.org', volumeHandle: 'a' } },
      { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'b' } },
      { cinder: { volumeID: 'c' } },
      { cinder: null, csi: null },
      { hostPath: { path: '/' } },
    ]
    expect(await driverOf(createCloudDouble()).getVolumeIds?.({ volumes })).toEqual(['a', 'c'])
  })
})
