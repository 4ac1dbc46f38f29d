import { configMaps, secrets } from '@trellis/api/core/configuration'
import { stateName } from '@trellis/cluster-bootstrap/infrastructure/opentofu/engine'
import { identifiersOf, parseState } from '@trellis/cluster-bootstrap/infrastructure/opentofu/state-file'
import { createStateStore } from '@trellis/cluster-bootstrap/infrastructure/opentofu/state-store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bed, openTofuParts, type Project, startBed } from './bed.ts'
import { createKillingProgram } from './killing-program.ts'
import { leaveByClusters } from './leave-by-clusters.ts'

const minutes = 60_000

/** What one shoot has at the cloud. */
const whole = { routers: 1, networks: 1, subnets: 1, interfaces: 1, groups: 1 }
const nothing = { routers: 0, networks: 0, subnets: 0, interfaces: 0, groups: 0 }

/** Things that the module makes: the five above, four rules and a key pair. */
const resourceCount = 10

describe('OpenTofu at a real OpenStack', () => {
  let bed: Bed
  beforeAll(async () => {
    bed = await startBed()
  }, 15 * minutes)
  afterAll(() => bed?.[Symbol.asyncDispose](), 5 * minutes)

  const storeOf = ({ technicalId }: Project) =>
    createStateStore(bed.controlPlane.client, { namespace: technicalId, name: stateName })

  it('makes everything, finds it as it is, and takes it down', { timeout: 10 * minutes }, async () => {
    const project = await bed.openProject()
    const request = project.request()
    const planned = await project.engine().plan(request)
    expect(planned.map(({ action }) => action)).toEqual(Array.from({ length: resourceCount }, () => 'create'))
    expect(await project.count()).toEqual(nothing)

    const outputs = await project.engine().apply(request)
    expect(Object.keys(outputs).sort()).toEqual([
      'floatingNetwork',
      'keyName',
      'network',
      'router',
      'securityGroup',
      'securityGroupName',
      'subnet',
    ])
    expect(outputs.keyName).toBe(project.technicalId)
    expect(await project.count()).toEqual(whole)
    const stored = await storeOf(project).load()
    expect(identifiersOf(parseState(stored?.state ?? ''))).toEqual(request.saved())
    expect(Object.keys(request.saved())).toHaveLength(resourceCount)

    const later = request.again()
    expect(await project.engine().plan(later)).toEqual([])
    expect(await project.engine().apply(later)).toEqual(outputs)
    expect(later.notes).toEqual(['nothing to change'])

    const last = later.again()
    await project.engine().destroy(last)
    expect(await project.count()).toEqual(nothing)
    expect([last.saved(), await storeOf(project).load()]).toEqual([{}, undefined])
    await project.engine().destroy(last.again())
  })

  it('keeps passwords out of states, notes and failures', { timeout: 10 * minutes }, async () => {
    const project = await bed.openProject()
    const request = project.request()
    await project.engine().apply(request)
    const { client } = bed.controlPlane
    const kept = [
      await storeOf(project).load(),
      (await client.list(configMaps, { namespace: project.technicalId })).items.map(({ data }) => data),
      request.notes,
      request.saves,
    ]
    expect(JSON.stringify(kept)).not.toContain(project.secret.password)

    const wrong = request.again({ secret: { ...project.secret, password: 'not-the-password' } })
    const failure = project.engine().apply(wrong)
    await expect(failure).rejects.toMatchObject({ kind: 'Unauthorized' })
    await expect(failure).rejects.not.toThrowError(/not-the-password/)
    await project.engine().destroy(request.again())
  })

  it('sees and mends what somebody changed', { timeout: 10 * minutes }, async () => {
    const project = await bed.openProject()
    const request = project.request()
    const outputs = await project.engine().apply(request)
    const { call } = bed.openStack.administrator
    await call('neutron', 'PUT', `/subnets/${outputs.subnet}`, { subnet: { dns_nameservers: ['192.0.2.1'] } })
    expect(await project.engine().plan(request.again())).toEqual([
      { action: 'update', what: 'openstack_networking_subnet_v2.nodes[0]', field: 'dns_nameservers' },
    ])
    await project.engine().apply(request.again())
    const { subnet } = await call<{ subnet: { dns_nameservers: string[] } }>(
      'neutron',
      'GET',
      `/subnets/${outputs.subnet}`,
    )
    expect(subnet.dns_nameservers).toEqual(['10.0.0.53'])
    await project.engine().destroy(request.again())
    expect(await project.count()).toEqual(nothing)
  })

  it('says that a quota is used up, and goes on once it is not', { timeout: 10 * minutes }, async () => {
    const project = await bed.openProject()
    const { call } = bed.openStack.administrator
    await call('neutron', 'PUT', `/quotas/${project.id}`, { quota: { network: 0 } })
    const request = project.request()
    await expect(project.engine().apply(request)).rejects.toMatchObject({ kind: 'Exhausted' })
    await call('neutron', 'PUT', `/quotas/${project.id}`, { quota: { network: 10 } })
    await project.engine().apply(request.again())
    expect(await project.count()).toEqual(whole)
    await project.engine().destroy(request.again())
    expect(await project.count()).toEqual(nothing)
  })

  it('takes over what is there when state and notes are lost', { timeout: 10 * minutes }, async () => {
    const project = await bed.openProject()
    const request = project.request()
    const outputs = await project.engine().apply(request)
    const { client } = bed.controlPlane
    const key = { namespace: project.technicalId, name: stateName }
    await client.delete(secrets, key)
    expect(await project.engine().plan(project.request())).toEqual([])
    expect(await project.engine().apply(project.request())).toEqual(outputs)
    expect(await project.count()).toEqual(whole)
    const adopted = await storeOf(project).load()
    expect(identifiersOf(parseState(adopted?.state ?? ''))).toEqual(request.saved())
    await client.delete(secrets, key)
    await project.engine().destroy(project.request())
    expect(await project.count()).toEqual(nothing)
  })

  it('takes away what the cluster left, and nothing of a stranger', { timeout: 10 * minutes }, async () => {
    const project = await bed.openProject()
    const request = project.request()
    const outputs = await project.engine().apply(request)
    const left = await leaveByClusters(bed.openStack, project, outputs)
    await project.engine().destroy(request.again())
    expect(await left.remaining()).toEqual(left.ofStranger)
    expect(await project.count()).toEqual({ ...nothing, groups: 1 })
  })

  it('makes nothing twice and leaves nothing, killed at every step of both', { timeout: 20 * minutes }, async () => {
    const project = await bed.openProject()
    await using killing = await createKillingProgram(openTofuParts().program, 1)
    let request = project.request()
    let kills = 0
    const goOn = async (work: () => Promise<unknown>) => {
      for (;;) {
        const ended = await work().then(
          () => true,
          (error: unknown) => {
            expect(error).toMatchObject({ kind: 'Unavailable', message: expect.stringContaining('was killed') })
            return false
          },
        )
        request = request.again()
        if (ended) return
        kills++
        expect(kills).toBeLessThan(4 * resourceCount)
      }
    }
    await goOn(() => project.engine(killing.path).apply(request))
    expect(kills).toBeGreaterThan(2)
    expect(await project.count()).toEqual(whole)
    const outputs = await project.engine().apply(request)
    expect(outputs.network).toBe(request.saved()['openstack_networking_network_v2.nodes[0]'])
    const killsOfApply = kills
    await goOn(() => project.engine(killing.path).destroy(request))
    expect(kills).toBeGreaterThan(killsOfApply + 2)
    expect(await project.count()).toEqual(nothing)
  })

  it('keeps what it had made when it is called off', { timeout: 10 * minutes }, async () => {
    const project = await bed.openProject()
    const stop = new AbortController()
    const request = project.request({
      signal: stop.signal,
      note: (text) => {
        if (text.startsWith('creating openstack_networking_subnet')) stop.abort(new Error('called off'))
      },
    })
    await expect(project.engine().apply(request)).rejects.toThrowError('called off')
    const stored = await storeOf(project).load()
    const known = identifiersOf(parseState(stored?.state ?? ''))
    expect(known['openstack_networking_network_v2.nodes[0]']).toBeDefined()
    const outputs = await project.engine().apply(project.request({ state: request.saved() }))
    expect(outputs.network).toBe(known['openstack_networking_network_v2.nodes[0]'])
    expect(await project.count()).toEqual(whole)
    await project.engine().destroy(project.request())
  })
})
