import { failure, success } from '@trellis/foundation/result'
import { describe, expect, it } from 'vitest'
import { epoch, launched, machineIn, observationOf, preparedClass } from '../../testing/objects.ts'
import { decideLiveUpdate, type LiveDriver, liveFields, livePathsOf, type UpdateTries } from './live-fields.ts'

const annotation = 'machine.sapcloud.io/applied-provider-fields'
const driver: LiveDriver = { mutableFields: ['tags', 'network.groups'], updateMachine: async () => {} }
const spec = { machineType: 'small', tags: { a: '1', b: '2' }, network: { name: 'n', groups: ['x', 'y'] } }
const specFields = liveFields(driver, spec) ?? ''

describe('liveFields', () => {
  it.each([
    { reason: 'the order of keys', other: { ...spec, tags: { b: '2', a: '1' } }, same: true },
    { reason: 'an immutable field', other: { ...spec, machineType: 'large' }, same: true },
    { reason: 'an immutable neighbour', other: { ...spec, network: { ...spec.network, name: 'm' } }, same: true },
    { reason: 'a mutable field', other: { ...spec, tags: { a: '1' } }, same: false },
    { reason: 'a mutable field below another', other: { ...spec, network: { groups: ['y', 'x'] } }, same: false },
    { reason: 'a field that went', other: { tags: spec.tags }, same: false },
  ])('$reason: the same is $same', ({ other, same }) => {
    expect(liveFields(driver, other) === specFields).toBe(same)
  })

  it.each([undefined, null, 'text', [], { tags: null, network: 'none' }])(
    'takes %j for a class without these fields',
    (nothing) => {
      expect(liveFields(driver, nothing)).toBe(liveFields(driver, {}))
    },
  )

  it('does not take what every object has for a field', () => {
    const odd: LiveDriver = { ...driver, mutableFields: ['constructor.name'] }
    expect(liveFields(odd, {})).toBe(liveFields(odd, undefined))
  })

  it.each([
    { reason: 'no list', able: { updateMachine: driver.updateMachine } as LiveDriver },
    { reason: 'no method', able: { mutableFields: ['tags'] } as LiveDriver },
  ])('is nothing for a driver with $reason', ({ able }) => {
    expect(liveFields(able, spec)).toBeUndefined()
  })

  it('tells its paths again', () => {
    expect(livePathsOf(withFields(specFields))).toEqual(['network.groups', 'tags'])
  })

  it.each([undefined, 'no JSON', 'null', '3'])('tells none of %j', (text) => {
    expect(livePathsOf(withFields(text))).toEqual([])
  })
})

describe('decideLiveUpdate', () => {
  const before = liveFields(driver, {})
  const tries: UpdateTries = { failures: 1, notBefore: epoch + 5000, classVersion: '7/1', told: 'no' }

  it.each([
    { reason: 'its class as it was', machine: withFields(specFields), kind: 'none' },
    { reason: 'its class edited', machine: withFields(before), kind: 'update' },
    { reason: 'nothing written down', machine: withFields(undefined), kind: 'update' },
    { reason: 'its class edited while it joins', machine: withFields(before, 'Pending'), kind: 'update' },
    { reason: 'its class edited while it is ill', machine: withFields(before, 'Unknown'), kind: 'update' },
    { reason: 'a failure', machine: withFields(before, 'Failed'), kind: 'none' },
    { reason: 'no server', machine: machineIn('CrashLoopBackOff'), kind: 'none' },
    { reason: 'a try that failed just now', machine: withFields(undefined), tries, kind: 'wait' },
    { reason: 'a try that failed, in time', machine: withFields(undefined), tries, kind: 'update', now: epoch + 5000 },
    {
      reason: 'a try that failed with another class',
      machine: withFields(undefined),
      tries: { ...tries, classVersion: '6/1' },
      kind: 'update',
    },
    {
      reason: 'a try that failed and its class reverted',
      machine: withFields(specFields),
      tries: { ...tries, classVersion: '6/1' },
      kind: 'update',
    },
  ])('$reason: $kind', ({ machine, tries, kind, now = epoch }) => {
    expect(decideLiveUpdate(observed(machine), { driver, tries, now }).kind).toBe(kind)
  })

  it('says what to ask and what to write down', () => {
    expect(decideLiveUpdate(observed(withFields(before)), { driver, tries: undefined, now: epoch })).toMatchObject({
      kind: 'update',
      fields: specFields,
      view: { settings: { providerSpec: spec } },
    })
  })

  it('has nothing to do for a driver without the capability, or a class that cannot be used', () => {
    const machine = withFields(before)
    const at = { tries: undefined, now: epoch }
    expect(decideLiveUpdate(observed(machine), { driver: {}, ...at })).toEqual({ kind: 'none' })
    const missing = failure({ kind: 'missing', code: 'FailedPrecondition', description: 'gone' } as const)
    expect(decideLiveUpdate(observationOf(machine, { classView: missing }), { driver, ...at })).toEqual({
      kind: 'none',
    })
  })
})

function withFields(fields: string | undefined, phase: 'Running' | 'Pending' | 'Unknown' | 'Failed' = 'Running') {
  return launched(
    phase,
    fields === undefined ? {} : { metadata: { annotations: { [annotation]: fields }, labels: {} } },
  )
}

function observed(machine: ReturnType<typeof launched>) {
  const machineClass = { ...preparedClass(), providerSpec: spec }
  const settings = { providerSpec: spec, secret: {} }
  return observationOf(machine, { classView: success({ machineClass, settings, version: '7/1' }) })
}
