import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { setOf } from '../../testing/objects.ts'
import { livingPatch, machineOf, replacement } from './template.ts'

const priority = 'machinepriority.machine.sapcloud.io'

describe('the template', () => {
  const set = setOf(1, {
    metadata: { annotations: { 'node.machine.sapcloud.io/effective-creation-timeout': '9m' } },
    spec: {
      template: {
        metadata: { labels: { pool: 'a' }, annotations: { x: '1' } },
        spec: { class: { name: 'small' }, drainTimeout: '5m' },
      },
    },
  })

  it('makes machines that are protected and owned from their first instant', () => {
    expect(machineOf(set, 'abcde')).toEqual({
      apiVersion: 'machine.sapcloud.io/v1alpha1',
      kind: 'Machine',
      metadata: {
        name: 'set-abcde',
        namespace: 'ns',
        labels: { pool: 'a' },
        annotations: { x: '1', [priority]: '3', 'node.machine.sapcloud.io/effective-creation-timeout': '9m' },
        finalizers: ['machine.sapcloud.io/machine-controller-manager'],
        ownerReferences: [
          {
            apiVersion: 'machine.sapcloud.io/v1alpha1',
            kind: 'MachineSet',
            name: 'set',
            uid: 'uid-set',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: { class: { name: 'small' }, drainTimeout: '5m' },
    })
  })

  it('keeps names short enough for a host name', () => {
    const long = setOf(1, { metadata: { name: 'x'.repeat(80) } })
    expect(machineOf(long, 'abcde').metadata.name).toHaveLength(63)
  })

  it('changes living machines in all that needs no new server', () => {
    const machine = machineOf(set, 'abcde')
    expect(livingPatch(set, machine)).toBeUndefined()
    const changed = setOf(1, {
      spec: {
        template: {
          spec: { class: { name: 'large' }, healthTimeout: '1m', nodeTemplate: { metadata: { labels: { a: '1' } } } },
        },
      },
    })
    expect(livingPatch(changed, machine)).toEqual({
      metadata: { annotations: { 'node.machine.sapcloud.io/effective-creation-timeout': null } },
      spec: { drainTimeout: null, healthTimeout: '1m', nodeTemplate: { metadata: { labels: { a: '1' } } } },
    })
  })

  it('makes merge patches that lead from one value to the other', () => {
    const json = fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.oneof(fc.integer(), fc.dictionary(fc.constantFrom('x', 'y'), fc.integer()), fc.array(fc.integer())),
    )
    fc.assert(
      fc.property(json, json, (before, after) => {
        expect(merge(before, replacement(before, after))).toEqual(after)
      }),
    )
  })
})

/** A merge patch as RFC 7396 defines it. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const base: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete base[key]
    else base[key] = merge(base[key], value)
  }
  return base
}
