import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { accountOf, parseCredentials, tokenExchange, workloadTokenFile } from './credentials.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const key = {
  type: 'service_account',
  project_id: 'first-project',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  client_email: 'a@first-project.iam.gserviceaccount.com',
  token_uri: 'https://example.org/steal',
}
const federation = {
  type: 'external_account',
  audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: tokenExchange,
  credential_source: { file: workloadTokenFile },
}

describe('credentials of Google Cloud', () => {
  it.each(['serviceAccountJSON', 'serviceaccount.json'])('reads a key under %s', (name) => {
    expect(parseCredentials({ [name]: JSON.stringify(key), userData: 'x' })).toMatchObject({
      kind: 'key',
      project: 'first-project',
    })
  })

  it('prefers the newer name, and the project that is named beside it', () => {
    const secret = {
      serviceAccountJSON: JSON.stringify(key),
      'serviceaccount.json': '{',
      projectID: ' second-project\n',
    }
    expect(parseCredentials(secret)).toMatchObject({ project: 'second-project' })
  })

  it('reads federated credentials', () => {
    const secret = { credentialsConfig: JSON.stringify(federation), projectID: 'first-project' }
    expect(parseCredentials(secret)).toEqual({ kind: 'federation', project: 'first-project', federation })
  })

  const broken: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    ['nothing', {}, 'serviceAccountJSON'],
    ['no JSON', { serviceAccountJSON: 'secret{' }, 'serviceAccountJSON'],
    ['a list', { serviceAccountJSON: '[]' }, 'serviceAccountJSON'],
    [
      'another type',
      { serviceAccountJSON: JSON.stringify({ ...key, type: 'authorized_user' }) },
      'serviceAccountJSON.type',
    ],
    [
      'no account',
      { serviceAccountJSON: JSON.stringify({ ...key, client_email: undefined }) },
      'serviceAccountJSON.client_email',
    ],
    [
      'no key in PEM',
      { serviceAccountJSON: JSON.stringify({ ...key, private_key: 'secret' }) },
      'serviceAccountJSON.private_key',
    ],
    ['a project that is none', { serviceAccountJSON: JSON.stringify(key), projectID: 'a/../b' }, 'projectID'],
    ['no project', { credentialsConfig: JSON.stringify(federation) }, 'projectID'],
    [
      'another exchange',
      { projectID: 'first', credentialsConfig: JSON.stringify({ ...federation, token_url: 'https://example.org' }) },
      'credentialsConfig.token_url',
    ],
    [
      'another file',
      {
        projectID: 'first',
        credentialsConfig: JSON.stringify({ ...federation, credential_source: { file: '/etc/shadow' } }),
      },
      'credentialsConfig.credential_source.file',
    ],
    [
      'an address as source',
      {
        projectID: 'first',
        credentialsConfig: JSON.stringify({ ...federation, credential_source: { url: 'http://169.254.169.254/' } }),
      },
      'credentialsConfig.credential_source',
    ],
    [
      'a command as source',
      {
        projectID: 'first',
        credentialsConfig: JSON.stringify({
          ...federation,
          credential_source: { file: workloadTokenFile, executable: { command: 'id' } },
        }),
      },
      'credentialsConfig.credential_source.executable',
    ],
    [
      'another universe',
      { projectID: 'first', credentialsConfig: JSON.stringify({ ...federation, universe_domain: 'example.org' }) },
      'credentialsConfig.universe_domain',
    ],
    [
      'another impersonation',
      {
        projectID: 'first',
        credentialsConfig: JSON.stringify({ ...federation, service_account_impersonation_url: 'https://example.org' }),
      },
      'credentialsConfig.service_account_impersonation_url',
    ],
  ]

  it.each(broken)('refuses %s and names the field, and tells no secret', (_what, secret, field) => {
    let caught: unknown
    try {
      parseCredentials(secret)
    } catch (error) {
      caught = error
    }
    expect(caught).toMatchObject({ kind: 'Invalid' })
    expect((caught as { field: string }).field.startsWith(`secretRef.data.${field}`)).toBe(true)
    expect(JSON.stringify([caught, (caught as Error).message, (caught as Error).cause])).not.toMatch(
      /secret\{|PRIVATE KEY/,
    )
  })

  it('tells accounts apart without a secret', () => {
    const account = accountOf(parseCredentials({ serviceAccountJSON: JSON.stringify(key) }))
    expect(account).toBe('first-project a@first-project.iam.gserviceaccount.com')
  })
})
