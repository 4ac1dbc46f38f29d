import { secrets } from '@trellis/api/core/configuration'
import type { Machine } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import type { MachineRequest, ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { createInfrastructureDouble } from '../../testing/infrastructure-double.ts'
import { awsCloud } from '../clouds/aws/cloud.ts'
import { encodeSecret } from '../secrets/secret-store.ts'
import { createServerFinder } from './find-server.ts'

const namespace = 'shoot--a--b'
const node = 'ip-10-0-0-1.eu-west-1.compute.internal'
const machine: Machine = {
  apiVersion: 'machine.sapcloud.io/v1alpha1',
  kind: 'Machine',
  metadata: { name: 'pool-x', namespace, labels: { node } },
  spec: { class: { kind: 'MachineClass', name: 'class-1' }, providerID: 'aws:///eu-west-1/i-1' },
}
const server: ProviderMachine = {
  providerId: 'aws:///eu-west-1/i-1',
  nodeName: node,
  addresses: [
    { type: 'InternalIP', address: '10.0.0.1' },
    { type: 'InternalDNS', address: node },
  ],
  state: 'running',
  initialized: true,
}

async function setUp(answer: () => Promise<ProviderMachine>) {
  const seed = createFakeClient({ clock: createVirtualClock(0), random: createSeededRandom('finder') })
  const asked: MachineRequest[] = []
  const { cloud } = createInfrastructureDouble(awsCloud, {})
  const find = createServerFinder({
    seed,
    technicalId: namespace,
    machines: { list: () => [machine] },
    infrastructure: {
      connection: async () => {
        const connection = await cloud.connect?.({} as never, {})
        if (connection === undefined) throw new TypeError('it connects')
        const getMachineStatus = (request: MachineRequest) => {
          asked.push(request)
          return answer()
        }
        return { ...connection, driver: { ...connection.driver, getMachineStatus } }
      },
    },
  })
  return { seed, asked, find: (name: string) => find(name, new AbortController().signal) }
}

async function plant(seed: Awaited<ReturnType<typeof setUp>>['seed']): Promise<void> {
  await seed.create(machineClasses, {
    apiVersion: 'machine.sapcloud.io/v1alpha1',
    kind: 'MachineClass',
    metadata: { name: 'class-1', namespace },
    providerSpec: { region: 'eu-west-1' },
  })
  await seed.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'cloud-credentials', namespace },
    data: encodeSecret({ accessKeyID: 'a' }),
  })
}

describe('the server behind a node', () => {
  it('is asked of the driver by the machine that was made to be the node, and has the addresses that the cloud says', async () => {
    const { seed, find, asked } = await setUp(async () => server)
    await plant(seed)
    expect(await find(node)).toEqual({ addresses: ['10.0.0.1'] })
    expect(asked).toEqual([
      {
        machineName: 'pool-x',
        providerId: 'aws:///eu-west-1/i-1',
        providerSpec: { region: 'eu-west-1' },
        secret: { accessKeyID: 'a' },
      },
    ])
  })

  it('is not known for a node that no machine was made to be, whatever that calls itself', async () => {
    const { seed, find, asked } = await setUp(async () => server)
    await plant(seed)
    expect(await find('pool-x')).toBeUndefined()
    expect(asked).toEqual([])
  })

  it('is not known before there is a class, credentials or a server', async () => {
    const { seed, find } = await setUp(() => Promise.reject(new Failure('NotFound', 'no server')))
    expect(await find(node)).toBeUndefined()
    await plant(seed)
    expect(await find(node)).toBeUndefined()
  })

  it('is waited for when the cloud does not answer', async () => {
    const { seed, find } = await setUp(() => Promise.reject(new Failure('Throttled', 'slow down')))
    await plant(seed)
    await expect(find(node)).rejects.toMatchObject({ kind: 'Throttled' })
  })
})
