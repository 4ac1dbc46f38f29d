import { configMaps, secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { joinReportName } from '@trellis/api/join-report'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../testing/objects.ts'
import { createRig, deploymentOf, plant, type RigOptions, scale } from '../testing/rig.ts'
import { deriveBootstrapToken } from './machine/bootstrap-token.ts'
import { phaseOf } from './machine/phase.ts'

const namespace = 'shoot--local--first'
const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500 }
const minute = 60_000

async function setUp(replicas: number, options: Partial<RigOptions> = {}, seed = 'manager') {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom(seed)
  const client = createFakeClient({ clock, random: random.child('server') })
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000, ...options })
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas))
  rig.start()
  return { clock, random, client, rig }
}

const phases = (found: readonly Machine[]) => found.map(phaseOf).sort()

describe('the manager in virtual time', () => {
  it('grows machines from nothing and shrinks them to nothing, at few requests each', async () => {
    const { clock, client, rig } = await setUp(0)
    await clock.advance(1000)
    const before = client.calls.length
    await scale(client, namespace, 'pool', 50)
    await clock.advance(15_000)
    expect(phases(await rig.machines())).toEqual(Array.from({ length: 50 }, () => 'Running'))
    expect((client.calls.length - before) / 50).toBeLessThanOrEqual(10)
    const middle = client.calls.length
    await scale(client, namespace, 'pool', 0)
    await clock.advance(10_000)
    expect(await rig.machines()).toEqual([])
    expect(await rig.nodes()).toEqual([])
    expect(rig.cloud.servers()).toEqual([])
    expect((client.calls.length - middle) / 50).toBeLessThanOrEqual(8)
    await rig[Symbol.asyncDispose]()
  })

  it('writes nothing while nothing happens', async () => {
    const { clock, client, rig } = await setUp(5)
    await clock.advance(20_000)
    const before = client.calls.length
    for (let minutes = 0; minutes < 10; minutes++) {
      // As API servers do about once a minute: proof enough that they are there.
      client.bookmark()
      await clock.advance(minute)
    }
    expect(client.calls.slice(before).filter(({ method }) => method !== 'watch')).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('deletes one machine within a second and a half', async () => {
    const { clock, rig, client } = await setUp(1)
    await clock.advance(10_000)
    await scale(client, namespace, 'pool', 0)
    await clock.advance(1500)
    expect(await rig.machines()).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('replaces sick machines one at a time', async () => {
    const { clock, rig } = await setUp(4, { cloud: { ...cloud, deleteMilliseconds: 5000 } })
    await clock.advance(10_000)
    const names = (await rig.nodes()).map(({ metadata }) => metadata.name)
    for (const name of names) await rig.nodeMaker.setReady(name, false)
    await clock.advance(9 * minute)
    expect(phases(await rig.machines())).toEqual(['Unknown', 'Unknown', 'Unknown', 'Unknown'])
    let most = 0
    for (let second = 0; second < 20 * 60; second++) {
      await clock.advance(1000)
      const busy = (await rig.machines()).filter((machine) =>
        ['Failed', 'Terminating', 'Pending', ''].includes(phaseOf(machine)),
      )
      const leaving = busy.filter((machine) => phaseOf(machine) === 'Failed' || phaseOf(machine) === 'Terminating')
      most = Math.max(most, leaving.length)
    }
    expect(most).toBe(1)
    expect(phases(await rig.machines())).toEqual(['Running', 'Running', 'Running', 'Running'])
    expect((await rig.nodes()).map(({ metadata }) => metadata.name).filter((name) => names.includes(name))).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('keeps machines that recover in time', async () => {
    const { clock, rig } = await setUp(2)
    await clock.advance(10_000)
    const names = (await rig.nodes()).map(({ metadata }) => metadata.name)
    for (const name of names) await rig.nodeMaker.setReady(name, false)
    await clock.advance(5 * minute)
    for (const name of names) await rig.nodeMaker.setReady(name, true)
    await clock.advance(20 * minute)
    expect((await rig.nodes()).map(({ metadata }) => metadata.name)).toEqual(names)
    await rig[Symbol.asyncDispose]()
  })

  it('replaces a machine that does not join, and says what it said last', async () => {
    const { clock, client, rig } = await setUp(1, { cloud: { ...cloud, failures: [{ operation: 'join' }] } })
    await clock.advance(5000)
    const [machine] = await rig.machines()
    const name = machine?.metadata.name ?? ''
    const steps = [{ name: 'request-certificate', state: 'failed', tries: 3, error: 'x509: unknown authority' }]
    const report = {
      machine: name,
      role: 'worker',
      state: 'joining',
      startedAt: '',
      updatedAt: '',
      restarts: {},
      steps,
    }
    await client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: joinReportName(name), namespace: 'kube-system' },
      data: { report: JSON.stringify(report) },
    })
    await clock.advance(1000)
    expect((await client.get(machines, { namespace, name })).status).toMatchObject({
      currentStatus: { phase: 'Pending' },
      lastOperation: { description: expect.stringContaining('request-certificate is failed: x509: unknown authority') },
    })
    await clock.advance(20 * minute)
    const found = await rig.machines()
    expect(phases(found)).toEqual(['Running'])
    expect(found[0]?.metadata.name).not.toBe(name)
    expect(await client.find(configMaps, { namespace: 'kube-system', name: joinReportName(name) })).toBeUndefined()
    expect(await rig.registry.metrics()).toMatch(
      /mcm_machine_num_failed_join\{namespace="shoot--local--first",machine_deployment="pool",[^}]*\} 1/,
    )
    await rig[Symbol.asyncDispose]()
  })

  it('keeps the story of a machine in its status, at no further request', async () => {
    const { clock, client, rig } = await setUp(1)
    await clock.advance(10_000)
    const [machine] = await rig.machines()
    expect(machine?.status?.history).toEqual([
      expect.objectContaining({ phase: 'Pending', description: expect.stringContaining('The server was made') }),
      expect.objectContaining({ phase: 'Running', description: expect.stringContaining('joined') }),
    ])
    const notes = client.calls.filter(({ method, target }) => method === 'create' && target === 'events')
    expect(notes.length).toBeLessThanOrEqual(4)
    await rig[Symbol.asyncDispose]()
  })

  it('reads the console of a machine that is late, once, and again when it is given up', async () => {
    const failures = [{ operation: 'join' as const, times: 1 }]
    const { clock, rig } = await setUp(1, { cloud: { ...cloud, failures } })
    await clock.advance(4 * minute)
    const [early] = await rig.machines()
    expect(early?.status?.console).toBeUndefined()
    await clock.advance(2 * minute)
    const [late] = await rig.machines()
    expect(late?.status?.console?.text).toContain('booting')
    await clock.advance(5 * minute)
    expect((await rig.machines())[0]?.status?.console).toEqual(late?.status?.console)
    await clock.advance(10 * minute)
    expect(phases(await rig.machines())).toEqual(['Running'])
    await rig[Symbol.asyncDispose]()
  })

  it('makes anew what somebody deleted at the cloud before it joined', async () => {
    const { clock, rig } = await setUp(1, { joinMilliseconds: 30_000 })
    await clock.advance(3000)
    const [server] = rig.cloud.servers()
    if (server !== undefined) void rig.cloud.remove(server)
    await clock.advance(2 * minute)
    expect(phases(await rig.machines())).toEqual(['Running'])
    expect(rig.cloud.servers()).toHaveLength(1)
    await rig[Symbol.asyncDispose]()
  })

  it('parks machines for which there is no quota, and goes on when there is', async () => {
    const { clock, client, rig } = await setUp(3, { cloud: { ...cloud, quota: { small: 2 } } })
    await clock.advance(15 * minute)
    expect(phases(await rig.machines())).toEqual(['CrashLoopBackOff', 'Running', 'Running'])
    const calls = rig.cloud.calls().create ?? 0
    expect(calls).toBeLessThan(15)
    const { status } = await rig.deployment('pool')
    expect(status?.failedMachines?.[0]?.lastOperation).toMatchObject({
      type: 'Create',
      state: 'Failed',
      errorCode: 'ResourceExhausted',
    })
    await scale(client, namespace, 'pool', 2)
    await clock.advance(5000)
    expect(phases(await rig.machines())).toEqual(['Running', 'Running'])
    await rig[Symbol.asyncDispose]()
  })

  it('collects servers without a machine and leaves all others alone', async () => {
    const { clock, rig } = await setUp(2, { orphanPeriodMilliseconds: 5 * minute })
    await clock.advance(10_000)
    const tags = { 'kubernetes.io/cluster/test': '1', 'kubernetes.io/role/node': '1' }
    const wish = { machineName: 'lost', machineType: 'small', region: 'region', zone: 'zone', userData: '' }
    const made = [
      rig.cloud.create({ ...wish, tags }, tags),
      rig.cloud.create({ ...wish, machineName: 'foreign', tags: {} }, {}),
    ]
    await clock.advance(2000)
    await Promise.all(made)
    expect(rig.cloud.servers()).toHaveLength(4)
    await clock.advance(6 * minute)
    const names = rig.cloud.servers().map(({ machineName }) => machineName)
    expect(names).toContain('foreign')
    expect(names).not.toContain('lost')
    expect(names).toHaveLength(3)
    await rig[Symbol.asyncDispose]()
  })

  it('gives each machine a token of its own, valid until it joined', async () => {
    const { clock, client, rig } = await setUp(2, { joinMilliseconds: 45 * minute })
    await clock.advance(5000)
    const [machine] = await rig.machines()
    const token = deriveBootstrapToken(Buffer.alloc(32, 7), machine?.metadata.uid ?? '')
    const server = rig.cloud.servers().find(({ machineName }) => machineName === machine?.metadata.name)
    expect(server?.userData).toContain(`# ${machine?.metadata.name} ${token.id}.${token.secret}`)
    const key = { namespace: 'kube-system', name: `bootstrap-token-${token.id}` }
    const expiry = async () => Buffer.from((await client.get(secrets, key)).data?.expiration ?? '', 'base64').toString()
    const first = await expiry()
    await clock.advance(15 * minute)
    expect(Date.parse(await expiry())).toBeGreaterThan(Date.parse(first))
    expect((await client.list(secrets, { namespace: 'kube-system' })).items).toHaveLength(2)
    await rig[Symbol.asyncDispose]()
  })

  it('keeps random tokens in the cluster when there is no key, across restarts', async () => {
    const { clock, client, rig } = await setUp(1, {
      tokenKey: null,
      joinMilliseconds: 10 * minute,
      cloud: { ...cloud, failures: [{ operation: 'create', when: 'after' }] },
    })
    await clock.advance(500)
    await rig.stop()
    const [before] = (await client.list(secrets, { namespace: 'kube-system' })).items
    rig.start()
    await clock.advance(20_000)
    const [after, ...more] = (await client.list(secrets, { namespace: 'kube-system' })).items
    expect(more).toEqual([])
    expect(after?.data?.['token-secret']).toBe(before?.data?.['token-secret'])
    const secret = Buffer.from(after?.data?.['token-secret'] ?? '', 'base64').toString()
    expect(rig.cloud.servers()[0]?.userData).toContain(secret)
    await rig[Symbol.asyncDispose]()
  })

  it('brings a changed node template to living machines and their nodes', async () => {
    const { clock, client, rig } = await setUp(2)
    await clock.advance(10_000)
    const template = { spec: { nodeTemplate: { metadata: { labels: { pool: null, team: 'a' } } } } }
    await client.patch(machineDeployments, { namespace, name: 'pool' }, { spec: { template } }, { type: 'merge' })
    await clock.advance(5000)
    for (const node of await rig.nodes()) {
      expect(node.metadata.labels).toMatchObject({ team: 'a' })
      expect(node.metadata.labels).not.toHaveProperty('pool')
    }
    expect((await client.list(machineSets, { namespace })).items).toHaveLength(1)
    await rig[Symbol.asyncDispose]()
  })

  it('takes everything along when the deployment is deleted', async () => {
    const { clock, client, rig } = await setUp(3)
    await clock.advance(10_000)
    await client.delete(machineDeployments, { namespace, name: 'pool' })
    await clock.advance(10_000)
    expect(await rig.machines()).toEqual([])
    expect(await rig.sets()).toEqual([])
    expect(await client.find(machineDeployments, { namespace, name: 'pool' })).toBeUndefined()
    expect(rig.cloud.servers()).toEqual([])
    await rig[Symbol.asyncDispose]()
  })

  it('gets there through any conflict, lost answer and outage of the API server', { timeout: 60_000 }, async () => {
    for (const seed of Array.from({ length: 25 }, (_, index) => `faults-${index}`)) {
      const { clock, client, rig, random } = await setUp(
        6,
        {
          cloud: {
            ...cloud,
            failures: [
              { operation: 'create', times: 5, when: 'after' },
              { operation: 'delete', times: 3 },
            ],
          },
        },
        seed,
      )
      const chance = random.child('faults')
      const stop = client.onCall(({ method }) => {
        if (method === 'watch' || chance.fraction() > 0.2) return
        throw new Failure(chance.fraction() > 0.5 ? 'Conflict' : 'Unavailable', 'a fault of the test')
      })
      for (let round = 0; round < 4; round++) {
        await clock.advance(chance.integer(30_000))
        client.disconnect()
        if (chance.fraction() > 0.5) continue
        // Events that still wait to be written are tried again for a while.
        const stopped = rig.stop()
        await clock.advance(31_000)
        await stopped
        rig.start()
      }
      stop()
      await clock.advance(3 * minute)
      expect(phases(await rig.machines())).toEqual(Array.from({ length: 6 }, () => 'Running'))
      expect(rig.cloud.servers()).toHaveLength(6)
      expect(rig.cloud.peak()).toBe(6)
      await scale(client, namespace, 'pool', 1)
      await clock.advance(3 * minute)
      expect(rig.cloud.servers()).toHaveLength(1)
      expect((await client.list(nodes)).items).toHaveLength(1)
      await rig[Symbol.asyncDispose]()
    }
  })
})
