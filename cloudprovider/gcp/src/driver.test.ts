import { type DriverHarness, describeDriver } from '@trellis/cloudprovider/contract/testing/driver-conformance'
import { createSystemClock } from '@trellis/foundation/clock'
import { classFor, leaveDisk, prepareNetwork } from '../testing/classes.ts'
import { startGoogleCloud } from '../testing/google-cloud.ts'
import { createGoogleDriver } from './driver.ts'

const clock = createSystemClock()

async function open(): Promise<DriverHarness> {
  const cloud = await startGoogleCloud(clock)
  prepareNetwork(cloud)
  const create = () => createGoogleDriver({ clock, endpoint: cloud.endpoint })
  const instanceOf = (machineName: string, cluster: string) =>
    cloud.world.get(`${cloud.project}/zones/${classFor(cluster).zone}/instances`, machineName)
  return {
    driver: create(),
    restarted: create,
    providerSpec: classFor,
    secret: cloud.identity.secret,
    elapse: async (work) => {
      try {
        return await work()
      } finally {
        cloud.world.settle()
      }
    },
    servers: async () => [...cloud.world.everywhere('/instances')].flatMap(([, found]) => found).length,
    reusesProviderIds: true,
    volumes: [
      {
        volume: { csi: { driver: 'pd.csi.storage.gke.io', volumeHandle: 'projects/p/disks/one' } },
        id: 'projects/p/disks/one',
      },
      { volume: { gcePersistentDisk: { pdName: 'two' } }, id: 'two' },
    ],
    loseNextCreation: () => cloud.fault('compute.instances.insert', { kind: 'lose' }),
    leaveBehind: (machineName, cluster) => leaveDisk(cloud, machineName, cluster),
    mutable: {
      change: {
        labels: { team: 'blue' },
        tags: [...classFor('one').tags, 'extra'],
        metadata: [{ key: 'serial-port-enable', value: '1' }],
      },
      fields: async (machineName, cluster) => {
        const { labels, tags, metadata } = instanceOf(machineName, cluster) as Record<string, { items?: unknown }>
        return [labels, tags?.items, metadata?.items]
      },
    },
    [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
  }
}

describeDriver('the Google driver', open, [
  { reason: 'an unknown field', change: { colour: 'red' }, field: 'providerSpec.colour' },
  { reason: 'a missing machine type', change: { machineType: undefined }, field: 'providerSpec.machineType' },
  { reason: 'no disks', change: { disks: [] }, field: 'providerSpec.disks' },
  { reason: 'no boot disk', change: { disks: [{ sizeGb: 5 }] }, field: 'providerSpec.disks' },
  { reason: 'no interface', change: { networkInterfaces: [] }, field: 'providerSpec.networkInterfaces' },
  { reason: 'tags without a role', change: { tags: ['kubernetes-io-cluster-one'] }, field: 'providerSpec.tags' },
  {
    reason: 'user-data in metadata',
    change: { metadata: [{ key: 'user-data', value: 'x' }] },
    field: 'providerSpec.metadata[0].key',
  },
])
