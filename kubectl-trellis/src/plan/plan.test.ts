import type { Pod } from '@trellis/api/core/pod'
import type { PodDisruptionBudget } from '@trellis/api/core/workload'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import { controllerReference } from '@trellis/mcm/common/ownership'
import { newSetOf } from '@trellis/mcm/machine-deployment/new-set'
import { epoch, launched } from '@trellis/mcm/testing/objects'
import { classFor, deploymentOf } from '@trellis/mcm/testing/rig'
import { describe, expect, it } from 'vitest'
import { blockersAmong } from './budgets.ts'
import { classChanges } from './changes.ts'
import { type DeploymentPlan, planDeployment } from './decide.ts'
import { renderPlan } from './render.ts'

const finalizers = ['machine.sapcloud.io/machine-controller-manager']

/** A deployment at rest with that many machines, and what a change of it would do. */
function planOf(replicas: number, change: (after: MachineDeployment) => void, hasClass = true): DeploymentPlan {
  const plain = deploymentOf('ns', 'pool', replicas)
  const before = { ...plain, metadata: { ...plain.metadata, uid: 'uid-pool', finalizers } }
  const made = newSetOf(before, [], replicas)
  const set = { ...made, metadata: { ...made.metadata, uid: 'uid-set' } }
  const machines = Array.from({ length: replicas }, (_, index): Machine => {
    const name = `pool-${index}`
    const metadata = { name, labels: { node: name, name: 'pool' }, ownerReferences: [controllerReference(set)] }
    return launched('Running', {
      metadata,
      ...(set.spec?.template?.spec === undefined ? {} : { spec: set.spec.template.spec }),
    })
  })
  const after = structuredClone(before)
  change(after)
  return planDeployment({ before, after, sets: [set], machines, hasClass }, epoch)
}

const template = (after: MachineDeployment) => {
  const { spec } = after
  if (spec === undefined) throw new TypeError('a deployment has a spec')
  return spec.template
}
const text = (plan: DeploymentPlan) => renderPlan({ deployments: [{ ...plan, blockers: undefined }], classes: [] })

describe('the plan of a deployment', () => {
  it('replaces every machine when the class changes, as the controller does', () => {
    const plan = planOf(3, (after) => {
      template(after).spec = {
        ...template(after).spec,
        class: { kind: 'MachineClass', apiGroup: 'machine.sapcloud.io', name: 'large' },
      }
    })
    expect(text(plan).replaceAll(/pool-[a-z0-9]{5}\b/g, 'pool-hash1')).toMatchInlineSnapshot(`
      "machinedeployment ns/pool: 3 to replace
        ~ spec.template.spec.class.name: small → large
        RollingUpdate: at most 4 servers at a time (3 and a surge of 1), at least 3 available; about 3 waves
        first  make machine set pool-hash1, wanted machines: 1

        MACHINE  PHASE    NODE    WHAT     BECAUSE OF
        pool-0   Running  pool-0  replace  spec.template.spec.class.name
        pool-1   Running  pool-1  replace  spec.template.spec.class.name
        pool-2   Running  pool-2  replace  spec.template.spec.class.name

        name the cluster with --target-kubeconfig to see which budgets would block
      "
    `)
  })

  it('updates machines without replacing them', () => {
    const plan = planOf(2, (after) => {
      template(after).spec = {
        ...template(after).spec,
        drainTimeout: '5m',
        nodeTemplate: { metadata: { labels: { pool: 'other' } } },
      }
    })
    expect(text(plan).replaceAll(/pool-[a-z0-9]{5}\b/g, 'pool-hash1')).toMatchInlineSnapshot(`
      "machinedeployment ns/pool: 2 to update in place
        ~ spec.template.spec.drainTimeout: (none) → 5m
        ~ spec.template.spec.nodeTemplate.metadata.labels.pool: pool → other
        first  update machine set pool-hash1 in place

        MACHINE  PHASE    NODE    WHAT             BECAUSE OF
        pool-0   Running  pool-0  update in place  spec.template.spec.drainTimeout, spec.template.spec.nodeTemplate.metadata.labels.pool
        pool-1   Running  pool-1  update in place  spec.template.spec.drainTimeout, spec.template.spec.nodeTemplate.metadata.labels.pool
      "
    `)
  })

  it.each([
    {
      reason: 'nothing changes',
      replicas: 2,
      change: () => {},
      fates: ['keep', 'keep'],
      created: 0,
    },
    {
      reason: 'more are wanted',
      replicas: 1,
      change: (after: MachineDeployment) => Object.assign(after.spec ?? {}, { replicas: 3 }),
      fates: ['keep'],
      created: 2,
    },
    {
      reason: 'fewer are wanted',
      replicas: 3,
      change: (after: MachineDeployment) => Object.assign(after.spec ?? {}, { replicas: 1 }),
      fates: ['delete', 'delete', 'keep'],
      created: 0,
    },
    {
      reason: 'machines are updated in place',
      replicas: 1,
      change: (after: MachineDeployment) => {
        Object.assign(after.spec ?? {}, {
          strategy: {
            type: 'InPlaceUpdate',
            inPlaceUpdate: { maxSurge: 0, maxUnavailable: 1, orchestrationType: 'Auto' },
          },
        })
        template(after).metadata = { labels: { name: 'pool', image: 'new' } }
      },
      fates: ['updateInPlace'],
      created: 0,
    },
  ])('when $reason', ({ replicas, change, fates, created }) => {
    const plan = planOf(replicas, change)
    expect(plan.machines.map(({ fate }) => fate)).toEqual(fates)
    expect(plan.created).toBe(created)
  })

  it('names the labels of machines whose change replaces them', () => {
    const plan = planOf(1, (after) => {
      template(after).metadata = { labels: { name: 'pool', 'example.com/image': 'new' } }
    })
    expect(plan.machines[0]?.because).toEqual(['spec.template.metadata.labels["example.com/image"]'])
  })

  it('says what the controller would refuse, and what would have to wait', () => {
    expect(planOf(1, (after) => Object.assign(after.spec ?? {}, { selector: {} })).problems).toEqual([
      'spec.selector must select something',
    ])
    expect(planOf(1, () => {}, false).problems).toEqual(['MachineClass small does not exist: new machines wait for it'])
  })
})

describe('the plan of a class', () => {
  const written = { 'machine.sapcloud.io/applied-provider-fields': '{"network.groups":"1","tags":"2"}' }
  const able = launched('Running', { metadata: { annotations: written } })
  const shown = (providerSpec: object, machines: readonly Machine[]) => {
    const plain = classFor('ns')
    const before = { ...plain, providerSpec: { machineType: 'small', tags: { 'a.b/c': '1' } } }
    const after = { ...before, providerSpec: { ...before.providerSpec, ...providerSpec } }
    const plan = {
      class: 'small',
      namespace: 'ns',
      ...classChanges(before, after, machines),
      machines: machines.length,
    }
    return renderPlan({ deployments: [], classes: [plan] })
  }

  it('says what reaches servers that run, and what does not', () => {
    const edit = { machineType: 'large', tags: { 'a.b/c': '2', team: 'blue' }, network: { groups: ['x'], name: 'n' } }
    expect(shown(edit, [able, launched('Running')])).toMatchInlineSnapshot(`
      "machineclass ns/small: 2 machines were made from it before; changes marked live reach the servers that run, other changes count for new servers
        ~ providerSpec.network.groups: (none) → ["x"] (live)
        ~ providerSpec.tags["a.b/c"]: 1 → 2 (live)
        ~ providerSpec.tags.team: (none) → blue (live)
        ~ providerSpec.machineType: small → large
        ~ providerSpec.network: (none) → {"groups":["x"],"name":"n"}
      "
    `)
  })

  it('says so when all of it does', () => {
    expect(shown({ tags: {} }, [able])).toMatchInlineSnapshot(`
      "machineclass ns/small: 1 machine was made from it before; changes marked live reach the servers that run
        ~ providerSpec.tags["a.b/c"]: 1 → (none) (live)
      "
    `)
  })

  it('promises nothing where no machine says that its server can be changed', () => {
    expect(shown({ tags: {} }, [launched('Running')])).toMatchInlineSnapshot(`
      "machineclass ns/small: 1 machine was made from it before; changes count for new servers
        ~ providerSpec.tags["a.b/c"]: 1 → (none)
      "
    `)
  })
})

describe('budgets that would block', () => {
  const pod = (name: string, changes: Partial<Pod['metadata']> = {}): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name }, ...changes },
    spec: { nodeName: 'node-1', containers: [] },
  })
  const budget = (name: string, app: string, disruptionsAllowed: number): PodDisruptionBudget => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: 'default' },
    spec: { selector: { matchLabels: { app } } },
    status: { disruptionsAllowed, currentHealthy: 2, desiredHealthy: 2 },
  })
  const leavers = [{ machine: 'm1', node: 'node-1' }]

  it.each([
    { reason: 'no budget', pods: [pod('web')], budgets: [], found: [] },
    { reason: 'a budget with room', pods: [pod('web')], budgets: [budget('b', 'web', 1)], found: [] },
    {
      reason: 'a budget without',
      pods: [pod('web')],
      budgets: [budget('b', 'web', 0)],
      found: ['0 disruptions allowed: 2 healthy, 2 wanted'],
    },
    {
      reason: 'two budgets',
      pods: [pod('web')],
      budgets: [budget('b', 'web', 5), budget('c', 'web', 5)],
      found: ['more than one budget covers the pod, so the API server refuses any eviction'],
    },
    { reason: 'a budget of others', pods: [pod('web')], budgets: [budget('b', 'db', 0)], found: [] },
    {
      reason: 'a pod that need not leave',
      pods: [
        pod('web', {
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd', controller: true }],
        }),
      ],
      budgets: [budget('b', 'web', 0)],
      found: [],
    },
  ])('with $reason', ({ pods, budgets, found }) => {
    expect(blockersAmong(pods, budgets, leavers).map(({ why }) => why)).toEqual(found)
  })
})
