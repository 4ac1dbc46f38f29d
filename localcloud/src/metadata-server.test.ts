import { describe, expect, it } from 'vitest'
import { exampleNetwork, exampleServer } from '../testing/examples.ts'
import { metadataOf } from './metadata-server.ts'

describe('metadataOf', () => {
  const told = metadataOf(exampleServer({ userData: '#cloud-config\nä: 1\n', tags: { a: 'b' } }), exampleNetwork())

  it('is a NoCloud seed', () => {
    expect(JSON.parse(told['/nocloud/meta-data'] ?? '')).toEqual({
      'instance-id': 'srv-11111111',
      'local-hostname': 'one',
    })
    expect(told['/nocloud/user-data']).toBe('#cloud-config\nä: 1\n')
    expect(told['/nocloud/vendor-data']).toBe('')
    expect(JSON.parse(told['/nocloud/network-config'] ?? '')).toEqual({ config: 'disabled' })
  })

  it('tells programs the same as JSON, without the user-data', () => {
    expect(JSON.parse(told['/v1/instance'] ?? '')).toEqual({
      id: 'srv-11111111',
      name: 'one',
      image: 'trellis',
      flavor: 'small',
      tags: { a: 'b' },
      privateAddress: '10.250.0.2',
      publicAddress: '198.18.0.17',
      network: { id: 'net-11111111', name: 'alpha', cidr: '10.250.0.0/16' },
    })
  })
})
