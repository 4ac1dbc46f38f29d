import { describe, expect, it } from 'vitest'
import { errorCodes } from '../../shoot/status.ts'
import { failureOf, kindOf } from './diagnostics.ts'

const error = (summary: string, detail = '') => ({ severity: 'error', summary, detail })

const neutron = (status: number, body: string) =>
  error(
    `Error creating openstack_networking_network_v2: Expected HTTP response code [201 202] when accessing [POST http://127.0.0.1:9696/v2.0/networks], but got ${status} instead: ${body}`,
  )

const aws = (status: number, code: string) =>
  error(
    'creating EC2 VPC',
    `operation error EC2: CreateVpc, https response error StatusCode: ${status}, RequestID: 5a7c, api error ${code}: some words`,
  )

const gcp = (status: number, text: string) => error(`Error creating Network: googleapi: Error ${status}: ${text}`)

describe('errors of OpenTofu', () => {
  it.each([
    [
      'Neutron, quota',
      neutron(
        409,
        '{"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: [\'network\'].", "detail": ""}}',
      ),
      'Exhausted',
    ],
    [
      'Neutron, in use',
      neutron(409, '{"NeutronError": {"type": "NetworkInUse", "message": "x", "detail": ""}}'),
      'Conflict',
    ],
    [
      'Neutron, no address left',
      neutron(409, '{"NeutronError": {"message": "x", "type": "IpAddressGenerationFailure"}}'),
      'Exhausted',
    ],
    ['Neutron, another conflict', neutron(409, '{"NeutronError": {"type": "SecurityGroupRuleExists"}}'), 'Conflict'],
    [
      'Keystone, login',
      neutron(401, '{"error":{"code":401,"message":"The request you have made requires authentication."}}'),
      'Unauthorized',
    ],
    [
      'Nova, quota, and words after the answer',
      neutron(403, '{"forbidden": {"code": 403, "message": "Quota exceeded, too many key pairs."}} (after 2 tries)'),
      'Exhausted',
    ],
    ['AWS, a limit that no table names', aws(400, 'TransitGatewayLimitExceeded'), 'Exhausted'],
    ['OpenStack, policy', neutron(403, '{"forbidden":{"code":403}}'), 'Forbidden'],
    ['OpenStack, bad input', neutron(400, '{"NeutronError": {"type": "HTTPBadRequest"}}'), 'Invalid'],
    ['OpenStack, too many requests', neutron(429, ''), 'Throttled'],
    ['OpenStack, broken', neutron(503, '<html>'), 'Unavailable'],
    ['AWS, limit', aws(400, 'VpcLimitExceeded'), 'Exhausted'],
    ['AWS, throttling', aws(503, 'RequestLimitExceeded'), 'Throttled'],
    ['AWS, login', aws(401, 'AuthFailure'), 'Unauthorized'],
    ['AWS, rights', aws(403, 'UnauthorizedOperation'), 'Forbidden'],
    ['AWS, bad input', aws(400, 'InvalidVpcRange'), 'Invalid'],
    ['AWS, in use', aws(400, 'DependencyViolation'), 'Conflict'],
    ['AWS, broken', aws(500, 'InternalError'), 'Unavailable'],
    ['GCP, quota', gcp(403, "Quota 'NETWORKS' exceeded.  Limit: 5.0 globally., quotaExceeded"), 'Exhausted'],
    ['GCP, rights', gcp(403, "Required 'compute.networks.create' permission for 'x', forbidden"), 'Forbidden'],
    ['GCP, rate', gcp(403, 'Rate Limit Exceeded, rateLimitExceeded'), 'Throttled'],
    ['GCP, login', gcp(401, 'Request had invalid authentication credentials., authError'), 'Unauthorized'],
    [
      'GCP, in use',
      gcp(400, "The network resource 'x' is already being used, resourceInUseByAnotherResource"),
      'Conflict',
    ],
    [
      'GCP, quota of an operation',
      error('Error waiting to create Router: Error waiting for Creating Router: QUOTA_EXCEEDED - Quota exceeded'),
      'Exhausted',
    ],
    [
      'a broken connection',
      error('Error creating x: Post "http://cloud/v2.0": dial tcp 10.0.0.1:80: connect: connection refused'),
      'Unavailable',
    ],
    ['nothing that is known', error('Something went wrong'), 'Unavailable'],
  ])('have a kind: %s', (_what, diagnostic, kind) => {
    expect(kindOf(diagnostic)).toBe(kind)
  })

  it('become the codes that a Shoot tells', () => {
    const codes = [
      neutron(401, ''),
      neutron(403, ''),
      aws(400, 'VpcLimitExceeded'),
      neutron(429, ''),
      neutron(400, ''),
    ].map((one) => errorCodes(failureOf('it failed', [one]))?.[0])
    expect(codes).toEqual([
      'ERR_INFRA_UNAUTHENTICATED',
      'ERR_INFRA_UNAUTHORIZED',
      'ERR_INFRA_QUOTA_EXCEEDED',
      'ERR_INFRA_RATE_LIMITS_EXCEEDED',
      'ERR_CONFIGURATION_PROBLEM',
    ])
  })

  it('are one failure with the gravest kind, each text once, where it happened', () => {
    const at = { ...aws(400, 'VpcLimitExceeded'), address: 'aws_vpc.nodes[0]' }
    const failure = failureOf('it failed', [error('lost'), at, at, { severity: 'warning', summary: 'old' }])
    expect(failure.kind).toBe('Exhausted')
    expect(failure.message).toBe(
      'it failed: lost; aws_vpc.nodes[0]: creating EC2 VPC: operation error EC2: CreateVpc, https response error StatusCode: 400, RequestID: 5a7c, api error VpcLimitExceeded: some words',
    )
  })

  it('are a conflict when something went away meanwhile, since trying again sees that', () => {
    expect(failureOf('it failed', [neutron(404, '')]).kind).toBe('Conflict')
  })

  it('stay short', () => {
    expect(failureOf('it failed', [error('x'.repeat(10_000))]).message.length).toBeLessThan(1600)
  })

  it('say so when there are none', () => {
    expect(failureOf('it failed', []).message).toBe('it failed: no reason was given')
  })
})
