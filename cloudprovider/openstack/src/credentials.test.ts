import { describe as describeError } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { exampleSecret } from '../testing/example-class.ts'
import { accountOf, parseCredentials } from './credentials.ts'
import { authOf } from './session.ts'

const secretWith = (change: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> => {
  const all: Readonly<Record<string, string | undefined>> = { ...exampleSecret, ...change }
  return Object.fromEntries(Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
}

const withoutPassword = { username: undefined, password: undefined, domainName: undefined, tenantName: undefined }

describe('the secret of a class of OpenStack', () => {
  it.each([
    {
      reason: 'a user by name',
      change: {},
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'demo', password: 'hidden', domain: { name: 'Default' } } },
        },
        scope: { project: { name: 'demo', domain: { name: 'Default' } } },
      },
    },
    {
      reason: 'everything by id, and a domain of the user',
      change: { domainID: 'd1', tenantID: 'p1', userDomainID: 'd2' },
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'demo', password: 'hidden', domain: { id: 'd2' } } },
        },
        scope: { project: { id: 'p1' } },
      },
    },
    {
      reason: 'an application credential by id',
      change: { ...withoutPassword, applicationCredentialID: 'a1', applicationCredentialSecret: 'hidden' },
      auth: {
        identity: { methods: ['application_credential'], application_credential: { id: 'a1', secret: 'hidden' } },
      },
    },
    {
      reason: 'an application credential by name',
      change: {
        password: undefined,
        tenantName: undefined,
        applicationCredentialName: 'mcm',
        applicationCredentialSecret: 'hidden',
        userDomainName: 'people',
      },
      auth: {
        identity: {
          methods: ['application_credential'],
          application_credential: {
            name: 'mcm',
            secret: 'hidden',
            user: { name: 'demo', domain: { name: 'people' } },
          },
        },
      },
    },
  ])('logs in as $reason', ({ change, auth }) => {
    expect(authOf(parseCredentials(secretWith(change)).identity)).toEqual(auth)
  })

  it.each([
    ['https://k.example.org:5000', 'https://k.example.org:5000/v3'],
    ['https://k.example.org/identity/v3/', 'https://k.example.org/identity/v3'],
    ['https://k.example.org/identity/v2.0', 'https://k.example.org/identity/v3'],
    [' http://k.example.org/\n', 'http://k.example.org/v3'],
  ])('reads the address %s', (authURL, expected) => {
    expect(parseCredentials(secretWith({ authURL })).authUrl).toBe(expected)
  })

  it('reads what TLS is to be like', () => {
    const tls = { caCert: 'CA', clientCert: 'CERT', clientKey: 'KEY', insecure: 'true' }
    expect(parseCredentials(secretWith(tls))).toMatchObject({
      caCert: 'CA',
      client: { cert: 'CERT', key: 'KEY' },
      insecure: true,
    })
    expect(parseCredentials(secretWith({ insecure: 'false' })).insecure).toBe(false)
    expect(parseCredentials(secretWith({})).insecure).toBe(false)
  })

  it.each([
    [{ authURL: undefined }, 'authURL'],
    [{ authURL: 'keystone' }, 'authURL'],
    [{ authURL: 'ftp://keystone' }, 'authURL'],
    [{ authURL: 'https://demo:hidden@keystone' }, 'authURL'],
    [{ password: undefined }, 'password'],
    [{ password: ' ' }, 'password'],
    [{ username: undefined }, 'username'],
    [{ domainName: undefined }, 'domainName'],
    [{ tenantName: undefined }, 'tenantName'],
    [{ applicationCredentialSecret: 'hidden' }, 'password'],
    [{ ...withoutPassword, applicationCredentialSecret: 'hidden' }, 'applicationCredentialName'],
    [{ ...withoutPassword, applicationCredentialSecret: 'hidden', applicationCredentialName: 'mcm' }, 'username'],
    [{ clientCert: 'CERT' }, 'clientKey'],
    [{ clientKey: 'hidden' }, 'clientCert'],
    [{ insecure: 'yes' }, 'insecure'],
  ])('with %j is refused at %s', (change, field) => {
    let refusal: unknown
    try {
      parseCredentials(secretWith(change))
    } catch (error) {
      refusal = error
    }
    expect(refusal).toMatchObject({ kind: 'Invalid', field: `secretRef.data.${field}` })
    expect(describeError(refusal)).not.toContain('hidden')
  })

  it('tells accounts apart without a secret', () => {
    const account = (change: Readonly<Record<string, string | undefined>>) =>
      accountOf(parseCredentials(secretWith(change)))
    expect(account({})).not.toContain('hidden')
    expect(account({ password: 'other' })).toBe(account({}))
    expect(account({ tenantName: 'other' })).not.toBe(account({}))
    const byId = { ...withoutPassword, applicationCredentialID: 'a1', applicationCredentialSecret: 'hidden' }
    expect(account(byId)).toContain('a1')
    expect(account(byId)).not.toContain('hidden')
  })
})
