import { describe, expect, it } from 'vitest'
import { infrastructureRequest } from '../../../../testing/infrastructure-request.ts'
import { openStackModule } from './openstack.ts'
import { unownedPublicKey } from './ssh-key.ts'

const cloud = openStackModule({
  dnsServers: ['10.0.0.53'],
  findExisting: async () => ({}),
  removeLeftovers: async () => {},
})
const login = { authURL: 'https://cloud/v3', domainName: 'Default', tenantName: 'demo', username: 'u', password: 'p' }

describe('the module for OpenStack', () => {
  it('gets its variables of the Shoot', () => {
    const request = infrastructureRequest({ configuration: { floatingPoolName: 'public' } })
    expect(cloud.variables(request)).toEqual({
      name: 'shoot--local--first',
      region: 'region',
      nodes_cidr: '10.250.0.0/16',
      pods_cidr: '100.96.0.0/16',
      floating_pool_name: 'public',
      floating_pool_subnet_name: null,
      router_id: null,
      network_id: null,
      subnet_id: null,
      dns_servers: ['10.0.0.53'],
      ssh_public_key: unownedPublicKey('shoot--local--first'),
    })
  })

  it('uses what the user has already', () => {
    const configuration = {
      apiVersion: 'openstack.provider.extensions.gardener.cloud/v1alpha1',
      kind: 'InfrastructureConfig',
      floatingPoolName: 'public',
      floatingPoolSubnetName: 'public-1',
      networks: {
        id: 'n',
        subnetId: 's',
        router: { id: 'r' },
        workers: '10.250.1.0/24',
        dnsServers: ['192.0.2.1'],
      },
    }
    expect(
      cloud.variables(infrastructureRequest({ configuration, secret: { sshPublicKey: 'ssh-ed25519 AAAA' } })),
    ).toMatchObject({
      nodes_cidr: '10.250.1.0/24',
      floating_pool_subnet_name: 'public-1',
      router_id: 'r',
      network_id: 'n',
      subnet_id: 's',
      dns_servers: ['192.0.2.1'],
      ssh_public_key: 'ssh-ed25519 AAAA',
    })
  })

  it.each([
    [undefined, 'floatingPoolName'],
    [{ floatingPoolName: '' }, 'floatingPoolName'],
    [{ floatingPoolName: 'x', flotingPool: 'y' }, 'flotingPool'],
    [{ floatingPoolName: 'x', networks: { router: {} } }, 'networks.router.id'],
    [{ floatingPoolName: 'x', networks: { subnetId: 's' } }, 'networks.id'],
    [{ floatingPoolName: 'x', networks: { shareNetwork: { enabled: true } } }, 'networks.shareNetwork'],
  ])('refuses the configuration %j by field', (configuration, field) => {
    expect(() => cloud.variables(infrastructureRequest({ configuration }))).toThrowError(
      expect.objectContaining({ kind: 'Invalid', field: `spec.provider.infrastructureConfig.${field}` }),
    )
  })

  it.each([
    [
      'a user with a password',
      login,
      {
        OS_USERNAME: 'u',
        OS_PASSWORD: 'p',
        OS_PROJECT_NAME: 'demo',
        OS_PROJECT_DOMAIN_NAME: 'Default',
        OS_USER_DOMAIN_NAME: 'Default',
      },
    ],
    [
      'a user of another domain, a project by identifier',
      { ...login, tenantID: 't', userDomainID: 'd', domainID: 'e' },
      {
        OS_USERNAME: 'u',
        OS_PASSWORD: 'p',
        OS_PROJECT_NAME: 'demo',
        OS_PROJECT_ID: 't',
        OS_PROJECT_DOMAIN_NAME: 'Default',
        OS_PROJECT_DOMAIN_ID: 'e',
        OS_USER_DOMAIN_NAME: 'Default',
        OS_USER_DOMAIN_ID: 'd',
      },
    ],
    [
      'an application',
      { authURL: 'https://cloud/v3', applicationCredentialID: 'i', applicationCredentialSecret: 's', caCert: 'PEM' },
      { OS_APPLICATION_CREDENTIAL_ID: 'i', OS_APPLICATION_CREDENTIAL_SECRET: 's', OS_CACERT: 'PEM' },
    ],
    [
      'an application by name',
      {
        authURL: 'https://cloud/v3',
        applicationCredentialName: 'n',
        applicationCredentialSecret: 's',
        username: 'u',
        domainName: 'Default',
      },
      {
        OS_APPLICATION_CREDENTIAL_NAME: 'n',
        OS_APPLICATION_CREDENTIAL_SECRET: 's',
        OS_USERNAME: 'u',
        OS_USER_DOMAIN_NAME: 'Default',
      },
    ],
  ])('reaches the cloud as %s', (_what, secret, environment) => {
    expect(cloud.environment(infrastructureRequest({ secret }))).toEqual({
      OS_AUTH_URL: 'https://cloud/v3',
      OS_REGION_NAME: 'region',
      ...environment,
    })
  })

  it.each([
    ['authURL', { ...login, authURL: ' ' }],
    ['username', { ...login, username: undefined }],
    ['password', { ...login, password: undefined }],
    ['tenantName', { ...login, tenantName: undefined }],
  ])('names the key %s that the secret lacks', (key, secret) => {
    const given = Object.fromEntries(
      Object.entries(secret).filter((entry): entry is [string, string] => entry[1] !== undefined),
    )
    expect(() => cloud.environment(infrastructureRequest({ secret: given }))).toThrowError(
      expect.objectContaining({ kind: 'Invalid', field: `secret.${key}` }),
    )
  })

  it('keeps every secret out of its variables', () => {
    const secret = { ...login, password: 'very-secret', clientKey: 'key-secret' }
    const request = infrastructureRequest({ secret, configuration: { floatingPoolName: 'public' } })
    expect(JSON.stringify(cloud.variables(request))).not.toContain('secret')
    const environment = cloud.environment(request)
    const hidden = Object.keys(environment).filter((name) => environment[name]?.includes('secret'))
    expect(cloud.secretEnvironment).toEqual(expect.arrayContaining(hidden))
  })
})
