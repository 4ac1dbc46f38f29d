import { isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { endpointsOf, parseCloudEndpoints } from './cloud-endpoints.ts'

describe('parseCloudEndpoints', () => {
  it('reads pairs of service and address', () => {
    expect(parseCloudEndpoints('')).toEqual({})
    expect(parseCloudEndpoints('ec2=https://ec2.example:5000, iam=http://[::1]:5000/iam')).toEqual({
      ec2: 'https://ec2.example:5000',
      iam: 'http://[::1]:5000/iam',
    })
  })

  it.each(['https://ec2.example', 'ec2=ec2.example', 'EC2=https://ec2.example', 'ec2=', 'ec2'])(
    'refuses %s',
    (text) => {
      expect(thrownBy(() => parseCloudEndpoints(text))).toMatchObject({ kind: 'Invalid', field: '--cloud-endpoints' })
    },
  )
})

describe('endpointsOf', () => {
  it('lets services of the cloud through', () => {
    const endpoints = { ec2: 'https://ec2.example' }
    expect(endpointsOf('AWS', ['ec2', 'iam'], endpoints)).toEqual(endpoints)
    expect(endpointsOf('GCP', [], {})).toEqual({})
  })

  it('names a service that the cloud does not have', () => {
    const error = thrownBy(() => endpointsOf('AWS', ['ec2', 'iam'], { ecs2: 'https://ec2.example' }))
    expect(isFailure(error, 'Invalid') && [error.field, error.message, error.remedy]).toEqual([
      '--cloud-endpoints',
      'AWS has no service ecs2 whose address could be set',
      'choose of ec2, iam',
    ])
    expect(thrownBy(() => endpointsOf('GCP', [], { compute: 'https://x.example' }))).toMatchObject({
      remedy: 'leave it out',
    })
  })
})

function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}
