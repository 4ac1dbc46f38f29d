import { describe, expect, it } from 'vitest'
import { classFor } from '../testing/classes.ts'
import type { Instance, Operation } from './client.ts'
import { lastLines } from './console.ts'
import { describeInstance, lastAttempt, placeOf, placeOfId, providerIdOf } from './find-servers.ts'
import { requestIdOf } from './request-id.ts'
import { volumeIdsOf } from './volume-ids.ts'

const place = { zone: 'europe-west1-b', instance: 'machine-a' }

describe('places of servers', () => {
  it('are in their ids', () => {
    const id = providerIdOf('first', place)
    expect(id).toBe('gce:///first/europe-west1-b/machine-a')
    expect(placeOfId('first', id)).toEqual(place)
  })

  it.each([
    '',
    'gce:///second/europe-west1-b/machine-a',
    'gce:///first/machine-a',
    `${providerIdOf('first', place)}/x`,
    'aws:///a/b/c',
  ])('are not in %j', (id) => expect(placeOfId('first', id)).toBeUndefined())

  it('are those of the id, where it is of the machine, and else of the class', () => {
    const request = { machineName: 'machine-a', providerSpec: {}, secret: {} }
    const spec = classFor('one')
    expect(placeOf('first', spec, { ...request, providerId: 'gce:///first/us-east1-b/machine-a' }).zone).toBe(
      'us-east1-b',
    )
    expect(placeOf('first', spec, { ...request, providerId: 'gce:///first/us-east1-b/machine-b' })).toEqual(place)
    expect(placeOf('first', spec, request)).toEqual(place)
  })
})

describe('the last attempt', () => {
  const operation = (operationType: string, rest: Partial<Operation> = {}): Operation => ({
    name: 'o',
    operationType,
    status: 'DONE',
    ...rest,
  })
  const error = { errors: [{ code: 'QUOTA_EXCEEDED', message: 'no' }] }

  it.each([
    ['none', []],
    ['none', [operation('setTags')]],
    ['running', [operation('insert', { status: 'PENDING' }), operation('delete')]],
    ['running', [operation('setTags'), operation('insert', { status: 'RUNNING' })]],
    ['failed', [operation('insert', { error }), operation('delete')]],
    ['over', [operation('delete'), operation('insert', { error })]],
    ['over', [operation('insert')]],
  ])('is %s', (kind, operations) => {
    expect(lastAttempt(operations).kind).toBe(kind)
  })
})

describe('servers', () => {
  const instance: Instance = {
    id: '1',
    name: 'machine-a',
    zone: 'z',
    status: 'RUNNING',
    labels: {},
    networkInterfaces: [
      {
        networkIP: '10.0.0.2',
        ipv6Address: 'fd20::2',
        accessConfigs: [{ natIP: '203.0.113.5' }, {}],
        ipv6AccessConfigs: [{ externalIpv6: '2600::5' }],
      },
    ],
  }

  it.each([
    ['PROVISIONING', 'creating'],
    ['STAGING', 'creating'],
    ['RUNNING', 'running'],
    ['REPAIRING', 'running'],
    ['STOPPING', 'stopped'],
    ['TERMINATED', 'stopped'],
    ['SUSPENDED', 'stopped'],
    ['SOMETHING_NEW', 'running'],
  ])('that are %s are %s', (status, state) => {
    expect(describeInstance('p', place, { ...instance, status }).state).toBe(state)
  })

  it('have addresses of both versions', () => {
    expect(describeInstance('p', place, instance).addresses).toEqual([
      { type: 'InternalIP', address: '10.0.0.2' },
      { type: 'InternalIP', address: 'fd20::2' },
      { type: 'ExternalIP', address: '203.0.113.5' },
      { type: 'ExternalIP', address: '2600::5' },
      { type: 'Hostname', address: 'machine-a' },
    ])
  })
})

describe('ids', () => {
  it('of requests are UUIDs that follow from their parts', () => {
    expect(requestIdOf('a', 'b')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(requestIdOf('a', 'b')).toBe(requestIdOf('a', 'b'))
    expect(requestIdOf('a', 'b')).not.toBe(requestIdOf('ab', ''))
  })

  it('of volumes are those of the cloud', () => {
    const handle = 'projects/p/zones/z/disks/d'
    expect(
      volumeIdsOf([
        { csi: { driver: 'pd.csi.storage.gke.io', volumeHandle: handle } },
        { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' } },
        { gcePersistentDisk: { pdName: 'old' } },
        { gcePersistentDisk: {} },
        { hostPath: { path: '/' } },
      ]),
    ).toEqual([handle, 'old'])
  })
})

describe('the console', () => {
  it.each([
    ['a\r\nb\r\nc\r\n', 2, 'b\nc'],
    ['a', 5, 'a'],
    ['', 5, ''],
    ['a\nb', 0, ''],
  ])('%j has the last %i lines %j', (output, lines, expected) => {
    expect(lastLines(output, lines)).toBe(expected)
  })
})
