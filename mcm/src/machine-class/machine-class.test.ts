import type { Secret } from '@trellis/api/core/configuration'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import { describe, expect, it } from 'vitest'
import { at, preparedClass } from '../../testing/objects.ts'
import { findOrphans } from '../safety/orphans.ts'
import { classFinalizers, finalizersFor, secretFinalizers, secretsInUse } from './decide.ts'
import { type ClassLookup, resolveClass } from './resolve.ts'

const mine = 'machine.sapcloud.io/machine-controller-manager'

function secretWith(name: string, data: Record<string, string>, namespace = 'ns'): Secret {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, resourceVersion: '3' },
    data: Object.fromEntries(encoded),
  }
}

function lookup(classes: readonly MachineClass[], secrets: readonly Secret[]): ClassLookup {
  return {
    namespace: 'ns',
    provider: 'simulated',
    findClass: (name) => classes.find(({ metadata }) => metadata.name === name),
    findSecret: (namespace, name) =>
      secrets.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
  }
}

describe('resolveClass', () => {
  const both = { ...preparedClass(), credentialsSecretRef: { name: 'cloud', namespace: 'ns' } }
  const secrets = [secretWith('secret', { userData: 'u', token: 'old' }), secretWith('cloud', { token: 'new' })]

  it('lays credentials over the secret', () => {
    const resolved = resolveClass({ name: 'small' }, lookup([both], secrets))
    expect(resolved).toMatchObject({
      ok: true,
      value: { settings: { secret: { userData: 'u', token: 'new' } }, version: '7/3/3' },
    })
  })

  it.each([
    { reason: 'no name', name: '', classes: [both], kind: 'wrong', says: 'spec.class.name is empty' },
    { reason: 'no class', name: 'small', classes: [], kind: 'missing', says: 'MachineClass small does not exist' },
    {
      reason: 'another provider',
      name: 'small',
      classes: [{ ...both, provider: 'AWS' }],
      kind: 'wrong',
      says: 'is of provider AWS, this machine controller is of provider simulated',
    },
    {
      reason: 'no secret named',
      name: 'small',
      classes: [{ ...both, secretRef: undefined, credentialsSecretRef: undefined }],
      kind: 'wrong',
      says: 'names no secret',
    },
    {
      reason: 'no secret',
      name: 'small',
      classes: [{ ...both, secretRef: { name: 'gone' } }],
      kind: 'missing',
      says: 'Secret ns/gone, which MachineClass small names as secretRef, does not exist',
    },
    {
      reason: 'unprotected',
      name: 'small',
      classes: [{ ...both, metadata: { ...both.metadata, finalizers: [] } }],
      kind: 'unprotected',
      says: 'is being prepared',
    },
  ])('$reason', ({ name, classes, kind, says }) => {
    const resolved = resolveClass({ name }, lookup(classes, secrets))
    expect(resolved).toMatchObject({ ok: false, reason: { kind, description: expect.stringContaining(says) } })
  })
})

describe('finalizers', () => {
  const bare = preparedClass()
  const without = { ...bare, metadata: { ...bare.metadata, finalizers: ['other'] } }

  it.each([
    { reason: 'used and protected', object: bare, machines: 1, wanted: undefined },
    { reason: 'used and unprotected', object: without, machines: 1, wanted: ['other', mine] },
    {
      reason: 'unused and protected',
      object: { ...bare, metadata: { ...bare.metadata, finalizers: ['other', mine] } },
      machines: 0,
      wanted: ['other'],
    },
    { reason: 'unused and unprotected', object: without, machines: 0, wanted: undefined },
    {
      reason: 'too late to protect',
      object: { ...without, metadata: { ...without.metadata, deletionTimestamp: at(0) } },
      machines: 1,
      wanted: undefined,
    },
  ])('of a class that is $reason', ({ object, machines, wanted }) => {
    expect(classFinalizers(object, machines)).toEqual(wanted)
  })

  it('of secrets follow the classes of their namespace', () => {
    const secret = secretWith('secret', {})
    expect(secretFinalizers(secret, [bare])).toEqual(['machine.sapcloud.io/machine-controller'])
    expect(secretFinalizers(secretWith('other', {}), [bare])).toBeUndefined()
    const protectedSecret = {
      ...secret,
      metadata: { ...secret.metadata, finalizers: ['machine.sapcloud.io/machine-controller'] },
    }
    expect(secretFinalizers(protectedSecret, [])).toEqual([])
    expect(finalizersFor(protectedSecret, 'x', false)).toBeUndefined()
  })

  it('leave secrets of other namespaces alone', () => {
    const foreign = { ...bare, secretRef: { name: 'secret', namespace: 'elsewhere' } }
    expect([...secretsInUse([foreign], 'ns')]).toEqual([])
    expect([...secretsInUse([bare], 'ns')]).toEqual(['secret'])
  })
})

describe('findOrphans', () => {
  it('finds servers whose machine does not exist', () => {
    const servers = new Map([
      ['id-1', 'a'],
      ['id-2', 'b'],
      ['id-3', 'b'],
    ])
    expect(findOrphans(servers, new Set(['a']))).toEqual([
      { providerId: 'id-2', machineName: 'b' },
      { providerId: 'id-3', machineName: 'b' },
    ])
    expect(findOrphans(servers, new Set(['a', 'b']))).toEqual([])
  })
})
