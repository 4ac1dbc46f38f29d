import { expect, it } from 'vitest'
import { twoZones, wishFor } from '../../../../testing/aws-harness.ts'
import { parseConfiguration } from '../configuration.ts'
import { policyDocument } from './identity.ts'
import { sameRule, wantedRules } from './security-group.ts'

const rest = { state: {}, save: async () => {}, signal: new AbortController().signal, note: () => {} }
const config = parseConfiguration({ ...wishFor('one', twoZones()), ...rest })

it('machines are open to each other, to load balancers of every zone, and to nobody else', () => {
  const rules = wantedRules(config, 'sg-1').map(({ direction, protocol, fromPort, toPort, peer }) =>
    [direction, protocol, fromPort, toPort, peer].join(' '),
  )
  expect(rules).toEqual([
    'in -1 -1 -1 sg-1',
    'in tcp 30000 32767 10.250.112.0/22',
    'in udp 30000 32767 10.250.112.0/22',
    'in tcp 30000 32767 10.250.96.0/22',
    'in udp 30000 32767 10.250.96.0/22',
    'in tcp 30000 32767 10.250.116.0/22',
    'in udp 30000 32767 10.250.116.0/22',
    'in tcp 30000 32767 10.250.100.0/22',
    'in udp 30000 32767 10.250.100.0/22',
    'out -1 -1 -1 0.0.0.0/0',
  ])
})

it('rules are the same whatever they are called', () => {
  const [rule] = wantedRules(config, 'sg-1')
  if (rule === undefined) return
  expect(sameRule(rule, { ...rule, description: 'other' })).toBe(true)
  expect(sameRule(rule, { ...rule, peer: 'sg-2' })).toBe(false)
})

it('machines may look at machines, and pull images unless told', () => {
  expect(JSON.stringify(policyDocument(config))).not.toContain('ecr:')
  const { enableECRAccess: _, ...silent } = config
  expect(JSON.stringify(policyDocument(silent))).toContain('ecr:BatchGetImage')
  expect(JSON.stringify(policyDocument(silent))).not.toMatch(/"ec2:(?!DescribeInstances)/)
})
