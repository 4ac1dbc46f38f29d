import { describe, expect, it } from 'vitest'
import { canGrow, parseConfiguration } from './configuration.ts'
import { namesOf } from './names.ts'

const nodes = '10.250.0.0/16'

describe('infrastructureConfig of Google Cloud', () => {
  it('has its nodes in the range of the shoot unless told', () => {
    expect(parseConfiguration(undefined, nodes)).toEqual({
      given: {},
      nodes,
      internal: undefined,
      nat: {},
      flowLogs: undefined,
    })
  })

  it('reads what others write', () => {
    const written = {
      apiVersion: 'gcp.provider.extensions.gardener.cloud/v1alpha1',
      kind: 'InfrastructureConfig',
      networks: { vpc: { name: 'v', cloudRouter: { name: 'r' } }, workers: '10.250.0.0/19', internal: '10.251.0.0/16' },
    }
    expect(parseConfiguration(written, nodes)).toMatchObject({
      given: { network: 'v', router: 'r' },
      nodes: '10.250.0.0/19',
      internal: '10.251.0.0/16',
    })
  })

  it.each([
    ['no networks', {}, ''],
    ['an unknown field', { networks: { colour: 'red' } }, '.networks.colour'],
    ['no range', { networks: { workers: 'many' } }, '.networks.workers'],
    ['a range that begins elsewhere', { networks: { workers: '10.250.1.0/16' } }, '.networks.workers'],
    ['nodes outside of the shoot', { networks: { workers: '10.0.0.0/16' } }, '.networks.workers'],
    ['ranges that overlap', { networks: { internal: '10.250.3.0/24' } }, '.networks.internal'],
    ['a router without its network', { networks: { vpc: { cloudRouter: { name: 'r' } } } }, '.networks.vpc'],
    [
      'a limit of what is fixed',
      { networks: { cloudNAT: { maxPortsPerVM: 128 } } },
      '.networks.cloudNAT.maxPortsPerVM',
    ],
    [
      'a mapping that the cloud does not have',
      { networks: { cloudNAT: { enableDynamicPortAllocation: true, endpointIndependentMapping: { enabled: true } } } },
      '.networks.cloudNAT.endpointIndependentMapping',
    ],
    [
      'a sample larger than the whole',
      { networks: { flowLogs: { flowSampling: 2 } } },
      '.networks.flowLogs.flowSampling',
    ],
  ])('refuses %s', (_what, input, field) => {
    expect(() => parseConfiguration(input, nodes)).toThrow(
      expect.objectContaining({
        kind: 'Invalid',
        field: expect.stringContaining(`spec.provider.infrastructureConfig${field}`),
      }),
    )
  })

  it.each([
    ['10.250.0.0/19', '10.250.0.0/16', true],
    ['10.250.0.0/16', '10.250.0.0/19', false],
    ['10.250.0.0/19', '10.250.128.0/17', false],
  ])('knows whether %s can become %s', (present, wanted, can) => {
    expect(canGrow(present, wanted)).toBe(can)
  })

  it('names everything within what the cloud allows', () => {
    const { tag, serviceAccount, ...names } = namesOf(`shoot--${'p'.repeat(15)}--${'s'.repeat(17)}`)
    expect([tag, ...Object.values(names)].every((name) => /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))).toBe(true)
    expect(serviceAccount).toMatch(/^[a-z]([-a-z0-9]{4,28}[a-z0-9])$/)
    expect(() => namesOf(`shoot--${'p'.repeat(40)}`)).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'metadata.name' }),
    )
    expect(() => namesOf('Shoot')).toThrow(expect.objectContaining({ kind: 'Invalid' }))
  })
})
