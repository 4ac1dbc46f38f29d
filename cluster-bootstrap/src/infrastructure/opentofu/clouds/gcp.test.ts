import { describe, expect, it } from 'vitest'
import { infrastructureRequest } from '../../../../testing/infrastructure-request.ts'
import { gcpModule } from './gcp.ts'

const cloud = gcpModule()
const key = JSON.stringify({ type: 'service_account', project_id: 'project', private_key: 'very-secret' })
const secret = { 'serviceaccount.json': key }

describe('the module for GCP', () => {
  it('gets its variables of the Shoot and of the account', () => {
    expect(cloud.variables(infrastructureRequest({ secret }))).toEqual({
      name: 'shoot--local--first',
      project: 'project',
      region: 'region',
      service_account_id: 'shoot--local--first-d3122769',
      network: null,
      cloud_router: null,
      nodes_cidr: '10.250.0.0/16',
      pods_cidr: '100.96.0.0/16',
      internal_cidr: null,
    })
  })

  it('uses what the user has already', () => {
    const configuration = {
      networks: {
        vpc: { name: 'mine', cloudRouter: { name: 'way-out' } },
        workers: '10.1.0.0/16',
        internal: '10.2.0.0/16',
        cloudNAT: { minPortsPerVM: 64 },
      },
    }
    expect(cloud.variables(infrastructureRequest({ secret, configuration }))).toMatchObject({
      network: 'mine',
      cloud_router: 'way-out',
      nodes_cidr: '10.1.0.0/16',
      internal_cidr: '10.2.0.0/16',
      min_ports_per_vm: 64,
    })
  })

  it.each([
    [{ networks: { vpc: {} } }, 'networks.vpc.name'],
    [{ networks: { cloudNAT: { minPortsPerVM: 1 } } }, 'networks.cloudNAT.minPortsPerVM'],
    [{ networks: { flowLogs: {} } }, 'networks.flowLogs'],
  ])('refuses the configuration %j by field', (configuration, field) => {
    expect(() => cloud.variables(infrastructureRequest({ secret, configuration }))).toThrowError(
      expect.objectContaining({ kind: 'Invalid', field: `spec.provider.infrastructureConfig.${field}` }),
    )
  })

  it.each([
    ['is missing', {}],
    ['is no JSON', { serviceAccountJSON: 'very-secret' }],
    ['has no project', { serviceAccountJSON: '{"private_key":"very-secret"}' }],
  ])('says that the key %s without a word of it', (_what, given) => {
    const attempt = () => cloud.variables(infrastructureRequest({ secret: given }))
    expect(attempt).toThrowError(expect.objectContaining({ kind: 'Invalid', field: 'secret.serviceAccountJSON' }))
    expect(attempt).not.toThrowError(/very-secret/)
  })

  it('reaches the cloud with the key, which is not in its variables', () => {
    const request = infrastructureRequest({ secret })
    expect(cloud.environment(request)).toEqual({ GOOGLE_CREDENTIALS: key })
    expect(cloud.secretEnvironment).toEqual(['GOOGLE_CREDENTIALS'])
    expect(JSON.stringify(cloud.variables(request))).not.toContain('very-secret')
  })
})
