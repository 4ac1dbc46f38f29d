import { createCallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { type AwsEndpoints, clientConfiguration } from './caller.ts'

const clock = createVirtualClock(0)

function configurationWith(endpoints: AwsEndpoints) {
  const budgets = createCallBudgets({ clock }, { perSecond: 1, burst: 1, leastPerSecond: 1 })
  const credentials = { kind: 'keys', accessKeyId: 'a', secretAccessKey: 's' } as const
  const options = { clock, region: 'eu-west-1', credentials, budgets, metrics: noCallMetrics, endpoints }
  return (service: 'ec2' | 'iam' | 'elasticloadbalancing') => clientConfiguration(options, service)
}

describe('the SDK’s client of a service', () => {
  it('goes to the address of its service, and to that of no other', async () => {
    const configuration = configurationWith({ ec2: 'https://ec2.example', iam: 'https://iam.example' })
    expect(await configuration('ec2')).toMatchObject({ region: 'eu-west-1', endpoint: 'https://ec2.example' })
    expect(await configuration('iam')).toMatchObject({ endpoint: 'https://iam.example' })
    expect(await configuration('elasticloadbalancing')).not.toHaveProperty('endpoint')
  })

  it('tries once, since retrying is not its business', async () => {
    expect(await configurationWith({})('ec2')).toMatchObject({ maxAttempts: 1 })
  })
})
