import { isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { parseConfiguration } from './configuration.ts'

const needed = ['--cloud-credentials=/c', '--cluster-name=one', '--network=net']

describe('parseConfiguration', () => {
  it('fills in what is left out', () => {
    expect(parseConfiguration(needed)).toEqual({
      kubeconfig: undefined,
      cloudProvider: 'local',
      cloudCredentials: '/c',
      cloudEndpoints: {},
      clusterName: 'one',
      network: 'net',
      region: '',
      loadBalancerProvider: '',
      controllers: ['service', 'route'],
      clusterCidr: undefined,
      host: '0.0.0.0',
      port: 10258,
      logLevel: 'info',
    })
  })

  it('reads every flag', () => {
    const flags = ['--kubeconfig=/k', '--controllers', 'route', '--cluster-cidr=100.96.0.0/16', '--bind-address=::1']
    expect(parseConfiguration([...needed, ...flags, '--port=0', '--log-level=debug'])).toMatchObject({
      kubeconfig: '/k',
      controllers: ['route'],
      clusterCidr: '100.96.0.0/16',
      host: '::1',
      port: 0,
      logLevel: 'debug',
    })
  })

  it('reads what only some clouds need', () => {
    const flags = ['--cloud-provider=aws', '--cloud-credentials=/c', '--cluster-name=one', '--region=eu-west-1']
    expect(parseConfiguration([...flags, '--cloud-endpoints=ec2=https://ec2.example'])).toMatchObject({
      cloudProvider: 'aws',
      cloudEndpoints: { ec2: 'https://ec2.example' },
      network: '',
      region: 'eu-west-1',
    })
  })

  it.each([
    [[], '--cloud-credentials'],
    [[...needed, '--network='], '--network'],
    [[...needed, '--cloud-provider=azure'], '--cloud-provider'],
    [[...needed, '--cloud-provider=aws'], '--region'],
    [[...needed, '--cloud-endpoints=ec2'], '--cloud-endpoints'],
    [[...needed, '--controllers=service,dns'], '--controllers'],
    [[...needed, '--port=http'], '--port'],
    [[...needed, '--port=70000'], '--port'],
    [[...needed, '--cluster-cidr=pods'], '--cluster-cidr'],
    [[...needed, '--log-level=loud'], '--log-level'],
    [[...needed, '--surprise'], undefined],
    [[...needed, 'stray'], undefined],
  ])('refuses %j', (flags, field) => {
    const error = thrownBy(() => parseConfiguration(flags))
    expect(isFailure(error, 'Invalid') && error.field).toBe(field)
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
