import type { Node } from '@trellis/api/core/node'
import type { NodeTemplateSpec } from '@trellis/api/machine/common'
import { strategicPatch } from '@trellis/kubernetes/testing/patches'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, launched, nodeThat } from '../../testing/objects.ts'
import { nodePatch, releasePatch } from './node-template.ts'

const finalizer = 'node.machine.sapcloud.io/machine-controller'
type Template = NodeTemplateSpec

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
        finalizers: [finalizer],
        resourceVersion: '1',
      },
      spec: { taints: template.spec.taints },
    })
  })

  it('writes nothing twice', () => {
    const metadata = {
      name: 'machine-a',
      finalizers: ['other', finalizer],
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
      finalizers: [finalizer],
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

  it('marks a node as managed again, and carries out other wishes in the same write', () => {
    const taint = { key: 'kept', effect: 'NoSchedule' }
    const node = nodeThat('True', {
      metadata: {
        name: 'machine-a',
        resourceVersion: '2',
        annotations: { 'node.machine.sapcloud.io/not-managed-by-mcm': '1', here: 'x' },
      },
      spec: { taints: [{ key: 'old', effect: 'NoSchedule' }] },
    })
    const untaint = [{ key: 'old', effect: 'NoSchedule' }]
    const wishes = { annotations: { mine: '1', here: 'x', absent: null }, taints: [taint], untaint }
    expect(nodePatch(launched('Running'), node, wishes)).toEqual({
      metadata: {
        labels: { 'node.gardener.cloud/machine-name': 'machine-a' },
        annotations: {
          'node.machine.sapcloud.io/not-managed-by-mcm': null,
          mine: '1',
          [key]: '{"metadata":{"annotations":{},"labels":{}},"spec":{"taints":[]}}',
        },
        finalizers: [finalizer],
        resourceVersion: '2',
      },
      spec: { taints: [taint] },
    })
  })

  it('adds no finalizer to a node that is being deleted', () => {
    const node = nodeThat('True', { metadata: { name: 'machine-a', deletionTimestamp: at(0) } })
    expect(nodePatch(machine, node)).not.toHaveProperty('metadata.finalizers')
  })

  it('does everything in one write, leaves alone what is foreign, and takes away all that it gave', () => {
    const keys = fc.constantFrom('a', 'b', 'c', 'd')
    const map = fc.dictionary(keys, fc.constantFrom('1', '2'), { noNullPrototype: true })
    const taints = fc.uniqueArray(
      fc.record({ key: keys, effect: fc.constantFrom('NoSchedule', 'NoExecute'), value: fc.constantFrom('1', '2') }),
      { selector: ({ key: name, effect }) => `${name} ${effect}` },
    )
    const templates = fc.record({
      metadata: fc.record({ labels: map, annotations: map }),
      spec: fc.record({ taints }),
    })
    const foreign = {
      labels: { theirs: 'x' },
      annotations: { theirs: 'x' },
      taints: [{ key: 'theirs', effect: 'NoExecute', value: 'x' }],
    }
    const property = (history: readonly Template[]) => {
      let node = nodeThat('True', {
        metadata: {
          name: 'machine-a',
          resourceVersion: '1',
          labels: foreign.labels,
          annotations: foreign.annotations,
          finalizers: ['theirs'],
        },
        spec: { taints: foreign.taints },
      })
      for (const nodeTemplate of [...history, {}]) {
        const owner = launched('Running', { spec: { nodeTemplate } })
        node = strategicPatch(node, nodePatch(owner, node) ?? {}) as Node
        expect(nodePatch(owner, node)).toBeUndefined()
        expect(node.metadata.labels).toMatchObject({ ...nodeTemplate.metadata?.labels, ...foreign.labels })
        expect(node.metadata.annotations).toMatchObject({ ...nodeTemplate.metadata?.annotations, theirs: 'x' })
        expect(node.spec?.taints).toEqual(
          expect.arrayContaining([...(nodeTemplate.spec?.taints ?? []), ...foreign.taints]),
        )
        expect(node.metadata.finalizers).toEqual(['theirs', finalizer])
      }
      expect(Object.keys(node.metadata.labels ?? {}).sort()).toEqual(['node.gardener.cloud/machine-name', 'theirs'])
      expect(Object.keys(node.metadata.annotations ?? {}).sort()).toEqual([key, 'theirs'])
      expect(node.spec?.taints).toEqual(foreign.taints)
    }
    fc.assert(fc.property(fc.array(templates, { maxLength: 4 }), property))
  })

  it('survives an annotation that somebody broke', () => {
    const node = nodeThat('True', { metadata: { name: 'machine-a', annotations: { [key]: '{' } } })
    expect(nodePatch(machine, node)).toMatchObject({ metadata: { annotations: { [key]: applied } } })
  })
})

describe('releasePatch', () => {
  it('takes the finalizer off, and no other', () => {
    const metadata = { name: 'machine-a', resourceVersion: '3', finalizers: ['other', finalizer] }
    expect(releasePatch(nodeThat('True', { metadata }))).toEqual({
      metadata: { resourceVersion: '3', finalizers: ['other'] },
    })
    expect(releasePatch(nodeThat('True'))).toBeUndefined()
  })
})
