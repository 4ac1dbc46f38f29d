import { describe, expect, it } from 'vitest'
import { accountOf, parseCredentials } from './credentials.ts'

describe('credentials', () => {
  it.each([
    ['by their names', { accessKeyID: 'AK', secretAccessKey: 'SK' }],
    ['by their older names', { providerAccessKeyId: 'AK', providerSecretAccessKey: 'SK' }],
    ['from files that end with a line break', { accessKeyID: 'AK\n', secretAccessKey: 'SK\n' }],
    [
      'by their names rather than by empty older ones',
      { accessKeyID: 'AK', secretAccessKey: 'SK', providerAccessKeyId: '' },
    ],
  ])('are read %s', (_reason, secret) => {
    const credentials = parseCredentials({ userData: 'x', ...secret })
    expect(credentials).toEqual({ kind: 'keys', accessKeyId: 'AK', secretAccessKey: 'SK' })
    expect(accountOf(credentials)).toBe('AK')
  })

  it('may be a token that stands for a role', () => {
    const credentials = parseCredentials({
      workloadIdentityTokenFile: '/var/run/token',
      roleARN: 'arn:aws:iam::1:role/r',
    })
    expect(credentials).toEqual({
      kind: 'workload-identity',
      tokenFile: '/var/run/token',
      roleArn: 'arn:aws:iam::1:role/r',
    })
    expect(accountOf(credentials)).toBe('arn:aws:iam::1:role/r')
  })

  it.each([
    ['accessKeyID', { secretAccessKey: 'SK' }],
    ['secretAccessKey', { accessKeyID: 'AK' }],
    ['secretAccessKey', { accessKeyID: 'AK', secretAccessKey: ' \n' }],
    ['roleARN', { workloadIdentityTokenFile: '/var/run/token' }],
    ['workloadIdentityTokenFile', { workloadIdentityTokenFile: 'token', roleARN: 'r' }],
  ])('say that %s is missing or wrong, and nothing secret', (name, secret) => {
    expect(() => parseCredentials(secret)).toThrow(
      expect.objectContaining({
        kind: 'Invalid',
        field: `secretRef.data.${name}`,
        message: expect.not.stringContaining('SK'),
      }),
    )
  })
})
