import type { Pod } from '@trellis/api/core/pod'
import { failure } from '@trellis/foundation/result'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, machineIn, nodeThat, observationOf, podNamed } from '../../testing/objects.ts'
import { decideDrain, describeBlockers, type EvictionAttempts, mustLeave } from './drain.ts'
import { nodePatch } from './node-template.ts'
import { decideTermination, drainingStatement, type TerminationMemory } from './termination.ts'

const none: TerminationMemory = {
  cordoned: false,
  pods: undefined,
  attempts: new Map(),
  forcedSince: undefined,
  movedPods: false,
  drained: false,
  serverGone: false,
}
const leaving = { deletionTimestamp: at(0) }
const terminating = (changes: Parameters<typeof launched>[1] = {}) =>
  launched('Terminating', {
    ...changes,
    metadata: { ...leaving, ...changes.metadata },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      ...changes.status,
      currentStatus: { phase: 'Terminating' },
    },
  })
const owned = (kind: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'x', uid: 'x', controller: true }],
})

describe('mustLeave', () => {
  it.each([
    { reason: 'a pod of a replica set', pod: podNamed('p', { metadata: owned('ReplicaSet') }), leaves: true },
    { reason: 'a pod of nobody', pod: podNamed('p'), leaves: true },
    { reason: 'a pod of a daemon set', pod: podNamed('p', { metadata: owned('DaemonSet') }), leaves: false },
    {
      reason: 'a mirror pod',
      pod: podNamed('p', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }),
      leaves: false,
    },
    { reason: 'one that succeeded', pod: podNamed('p', { phase: 'Succeeded' }), leaves: false },
    { reason: 'one that failed', pod: podNamed('p', { phase: 'Failed' }), leaves: false },
    { reason: 'one that is pending', pod: podNamed('p', { phase: 'Pending' }), leaves: true },
  ])('$reason: $leaves', ({ pod, leaves }) => {
    expect(mustLeave(pod)).toBe(leaves)
  })
})

describe('decideDrain', () => {
  const later = epoch + 7_200_000
  const drain = (
    pods: readonly Pod[],
    attempts: Record<string, EvictionAttempts> = {},
    forcedSince?: number,
    now = epoch,
    evictUntil = later,
  ) => decideDrain({ pods, attempts: new Map(Object.entries(attempts)), forcedSince, evictUntil }, now)
  const hows = (decision: ReturnType<typeof drain>) =>
    decision.removals.map(({ pod, how }) => `${how} ${pod.metadata.name}`)

  it('asks all pods at the same time', () => {
    expect(hows(drain([podNamed('a'), podNamed('b'), podNamed('d', { metadata: owned('DaemonSet') })]))).toEqual([
      'evict a',
      'evict b',
    ])
  })

  it('is over when only pods that may stay are left', () => {
    expect(drain([podNamed('d', { metadata: owned('DaemonSet') })])).toMatchObject({ finished: true, blockers: [] })
  })

  it('waits for pods that are going, however long their grace', () => {
    const going = podNamed('a', { metadata: leaving })
    expect(drain([going])).toMatchObject({ removals: [], finished: false, blockers: ['pod default/a is terminating'] })
  })

  it('asks a refused pod again after its pause, and names the refusal', () => {
    const attempts = {
      'uid-a': { tries: 1, how: 'evict' as const, notBefore: epoch + 1000, refusal: 'budget web allows none' },
    }
    expect(drain([podNamed('a')], attempts)).toMatchObject({
      removals: [],
      nextAt: epoch + 1000,
      refused: true,
      blockers: ['pod default/a cannot be evicted: budget web allows none'],
    })
    expect(hows(drain([podNamed('a')], attempts, undefined, epoch + 1000))).toEqual(['evict a'])
  })

  it('deletes with grace once evictions were tried for long enough, regardless of the pause', () => {
    const attempts = { 'uid-a': { tries: 9, how: 'evict' as const, notBefore: later + 9000, refusal: 'no' } }
    expect(hows(drain([podNamed('a')], attempts, undefined, later))).toEqual(['delete a'])
  })

  it('kills without grace when forced, also pods that are going, but asks once', () => {
    const pods = [podNamed('a'), podNamed('b', { metadata: leaving })]
    const evicted = { tries: 1, how: 'evict' as const, notBefore: epoch + 15_000 }
    expect(hows(drain(pods, { 'uid-b': evicted }, epoch))).toEqual(['force a', 'force b'])
    const forced = { tries: 2, how: 'force' as const, notBefore: epoch + 15_000 }
    expect(hows(drain(pods, { 'uid-a': forced, 'uid-b': forced }, epoch))).toEqual([])
  })

  it('does not wait for ever for pods that nobody can stop', () => {
    expect(drain([podNamed('a')], {}, epoch, epoch + 59_999)).toMatchObject({ finished: false, nextAt: epoch + 60_000 })
    expect(drain([podNamed('a')], {}, epoch, epoch + 60_000)).toMatchObject({
      finished: true,
      blockers: ['pod default/a is asked to go'],
    })
  })

  it('always finishes or has something to do or a moment to come back', () => {
    const pod = fc.record({ name: fc.constantFrom('a', 'b', 'c'), going: fc.boolean(), daemon: fc.boolean() })
    const attempt = fc.record({
      tries: fc.integer({ min: 1, max: 9 }),
      how: fc.constantFrom('evict' as const, 'delete' as const, 'force' as const),
      notBefore: fc.integer({ min: epoch - 60_000, max: epoch + 60_000 }),
    })
    const property = fc.property(
      fc.uniqueArray(pod, { selector: ({ name }) => name }),
      fc.dictionary(fc.constantFrom('uid-a', 'uid-b', 'uid-c'), attempt),
      fc.option(fc.integer({ min: epoch - 90_000, max: epoch }), { nil: undefined }),
      (shapes, attempts, forcedSince) => {
        const pods = shapes.map(({ name, going, daemon }) =>
          podNamed(name, { metadata: { ...(going ? leaving : {}), ...(daemon ? owned('DaemonSet') : {}) } }),
        )
        const decision = drain(pods, attempts, forcedSince)
        expect(decision.finished || decision.nextAt > epoch).toBe(true)
        if (forcedSince === undefined) {
          expect(decision.finished).toBe(pods.every((one) => !mustLeave(one)))
          expect(decision.removals.every(({ how, pod }) => how === 'evict' && mustLeave(pod))).toBe(true)
        }
      },
    )
    fc.assert(property)
  })

  it('describes at most a few blockers', () => {
    expect(describeBlockers(['a', 'b'])).toBe('a; b')
    expect(describeBlockers(['a', 'b', 'c', 'd', 'e'])).toBe('a; b; c; and 2 more')
  })
})

describe('decideTermination', () => {
  const node = nodeThat('True')
  const cordoned = { ...none, cordoned: true, pods: [] }

  it.each([
    {
      reason: 'it is marked first',
      machine: launched('Running', { metadata: leaving }),
      memory: none,
      node,
      step: 'state',
    },
    { reason: 'the node is cordoned', machine: terminating(), memory: none, node, step: 'cordon' },
    {
      reason: 'one that is cordoned already is not',
      machine: terminating(),
      memory: none,
      node: nodeThat('True', { spec: { unschedulable: true } }),
      step: 'watch-pods',
    },
    {
      reason: 'its pods are looked at',
      machine: terminating(),
      memory: { ...none, cordoned: true },
      node,
      step: 'watch-pods',
    },
    {
      reason: 'pods are moved',
      machine: terminating(),
      memory: { ...cordoned, pods: [podNamed('a')] },
      node,
      step: 'move-pods',
    },
    { reason: 'an empty node costs no write', machine: terminating(), memory: cordoned, node, step: 'delete-server' },
    {
      reason: 'a drain that moved something is written down',
      machine: terminating(),
      memory: { ...cordoned, movedPods: true },
      node,
      step: 'state',
    },
    {
      reason: 'a drain that was written down is over, also after a restart',
      machine: terminating({ status: { conditions: [{ type: 'Drained', status: 'True' }] } }),
      memory: none,
      node,
      step: 'delete-server',
    },
    {
      reason: 'a drain that this process saw is over',
      machine: terminating(),
      memory: { ...none, drained: true },
      node,
      step: 'delete-server',
    },
    {
      reason: 'without a node there is nothing to drain',
      machine: terminating(),
      memory: none,
      node: undefined,
      step: 'delete-server',
    },
    {
      reason: 'the node object follows the server',
      machine: terminating(),
      memory: { ...cordoned, drained: true, serverGone: true },
      node,
      step: 'delete-node',
    },
    {
      reason: 'then all is done',
      machine: terminating(),
      memory: { ...cordoned, drained: true, serverGone: true },
      node: undefined,
      step: 'finish',
    },
  ])('$reason: $step', ({ machine, memory, node: seen, step }) => {
    expect(decideTermination(observationOf(machine, { node: seen }), memory, epoch + 1000).kind).toBe(step)
  })

  it.each([
    {
      reason: 'the label asks for it',
      machine: terminating({ metadata: { ...leaving, labels: { node: 'machine-a', 'force-deletion': 'True' } } }),
      seen: node,
      now: 1000,
    },
    { reason: 'the node has been dead for long', machine: terminating(), seen: nodeThat('Unknown'), now: 300_001 },
    { reason: 'the time is up', machine: terminating(), seen: node, now: 7_200_000 },
  ])('is forced when $reason', ({ machine, seen, now }) => {
    expect(decideTermination(observationOf(machine, { node: seen }), none, epoch + now).kind).toBe('force')
  })

  it('is not forced for a node that fell ill a moment ago', () => {
    expect(
      decideTermination(observationOf(terminating(), { node: nodeThat('Unknown') }), none, epoch + 60_000).kind,
    ).toBe('cordon')
  })

  it('waits for an API server that does not answer, if there may be pods', () => {
    const observed = observationOf(terminating(), { target: { kind: 'unknown' } })
    expect(decideTermination(observed, none, epoch + 1000)).toMatchObject({
      kind: 'wait',
      statement: { operation: { description: expect.stringContaining('Waiting for the API server') } },
    })
    expect(decideTermination(observed, none, epoch + 7_260_000).kind).toBe('delete-server')
  })

  it('does not wait for it if the machine never was a node', () => {
    const observed = observationOf(terminating({ status: { conditions: [] } }), { target: { kind: 'unknown' } })
    expect(decideTermination(observed, none, epoch + 1000).kind).toBe('delete-server')
  })

  it('is not held by a class that never was, if there never was a server', () => {
    const classView = failure({
      kind: 'missing' as const,
      code: 'FailedPrecondition' as const,
      description: 'MachineClass small does not exist',
    })
    const empty = machineIn('Terminating', { metadata: leaving })
    expect(decideTermination(observationOf(empty, { classView }), none, epoch).kind).toBe('finish')
    expect(decideTermination(observationOf(terminating(), { classView }), none, epoch)).toMatchObject({
      kind: 'blocked',
      reason: 'The server cannot be deleted: MachineClass small does not exist',
    })
  })

  it('states a drain so that saying it again changes nothing', () => {
    const machine = terminating()
    const drain = decideDrain(
      { pods: [podNamed('b'), podNamed('a')], attempts: new Map(), forcedSince: undefined, evictUntil: epoch + 1 },
      epoch,
    )
    const statement = drainingStatement(machine, { drain, forced: false }, epoch)
    expect(statement.operation?.description).toBe(
      'Draining the node: pod default/a is asked to go; pod default/b is asked to go',
    )
    const after = { ...machine, status: { ...machine.status, conditions: [...(statement.conditions ?? [])] } }
    expect(drainingStatement(after, { drain, forced: false }, epoch + 5000)).toEqual(statement)
  })
})

describe('nodePatch', () => {
  const template = {
    metadata: { labels: { pool: 'a' }, annotations: { note: 'x' } },
    spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] },
  }
  const machine = launched('Running', { spec: { nodeTemplate: template } })
  const key = 'node.machine.sapcloud.io/last-applied-anno-labels-taints'
  const applied = JSON.stringify({
    metadata: { annotations: { note: 'x' }, labels: { pool: 'a' } },
    spec: { taints: [{ effect: 'NoSchedule', key: 'gpu', value: 'yes' }] },
  })

  it('gives labels, annotations, taints and the machine’s name, and remembers what it gave', () => {
    expect(nodePatch(machine, nodeThat('True'))).toEqual({
      metadata: {
        labels: { pool: 'a', 'node.gardener.cloud/machine-name': 'machine-a' },
        annotations: { note: 'x', [key]: applied },
        resourceVersion: '1',
      },
      spec: { taints: template.spec.taints },
    })
  })

  it('writes nothing twice', () => {
    const metadata = {
      name: 'machine-a',
      labels: { pool: 'a', 'node.gardener.cloud/machine-name': 'machine-a', foreign: '1' },
      annotations: { note: 'x', [key]: applied, other: '1' },
    }
    const done = nodeThat('True', {
      metadata,
      spec: { taints: [...template.spec.taints, { key: 'foreign', effect: 'NoExecute' }] },
    })
    expect(nodePatch(machine, done)).toBeUndefined()
  })

  it('takes away what an earlier template gave, and nothing that others wrote', () => {
    const metadata = {
      name: 'machine-a',
      resourceVersion: '5',
      labels: { pool: 'a', 'node.gardener.cloud/machine-name': 'machine-a', foreign: '1' },
      annotations: { note: 'x', [key]: applied, other: '1' },
    }
    const node = nodeThat('True', {
      metadata,
      spec: { taints: [...template.spec.taints, { key: 'foreign', effect: 'NoExecute' }] },
    })
    const bare = launched('Running', { spec: { nodeTemplate: {} } })
    expect(nodePatch(bare, node)).toEqual({
      metadata: {
        labels: { pool: null },
        annotations: { note: null, [key]: '{"metadata":{"annotations":{},"labels":{}},"spec":{"taints":[]}}' },
        resourceVersion: '5',
      },
      spec: { taints: [{ key: 'foreign', effect: 'NoExecute' }] },
    })
  })

  it('survives an annotation that somebody broke', () => {
    const node = nodeThat('True', { metadata: { name: 'machine-a', annotations: { [key]: '{' } } })
    expect(nodePatch(machine, node)).toMatchObject({ metadata: { annotations: { [key]: applied } } })
  })
})
