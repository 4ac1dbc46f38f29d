import { describe, expect, it } from 'vitest'
import { failureOfAnswer, failureOfFault, failureTable } from './failures.ts'

const body = (word: string, message: string, more: object = {}) => JSON.stringify({ [word]: { message, ...more } })
const neutron = (type: string, message: string) => body('NeutronError', message, { type, detail: '' })
const inClass = (field: string) => `providerSpec.spec.${field}`

/** Answers as services of the release 2024.1 gave them. */
const recorded = [
  {
    reason: 'instance quota',
    status: 403,
    text: body('forbidden', 'Quota exceeded for instances: Requested 1, but already used 6 of 6 instances'),
    kind: 'Exhausted',
  },
  {
    reason: 'cores quota',
    status: 403,
    text: body('forbidden', 'Quota exceeded for cores: Requested 1, but already used 6 of 6 cores'),
    kind: 'Exhausted',
  },
  {
    reason: 'port quota at Neutron',
    status: 409,
    text: neutron('OverQuota', "Quota exceeded for resources: ['port']."),
    kind: 'Exhausted',
  },
  {
    reason: 'port quota through Nova',
    status: 403,
    text: body('forbidden', 'Maximum number of ports exceeded'),
    kind: 'Exhausted',
  },
  {
    reason: 'a subnet without addresses',
    status: 409,
    text: neutron('IpAddressGenerationFailure', 'No more IP addresses available on network x.'),
    kind: 'Exhausted',
  },
  {
    reason: 'an unknown zone',
    status: 400,
    text: body('badRequest', 'The requested availability zone is not available'),
    kind: 'Invalid',
    field: inClass('availabilityZone'),
  },
  {
    reason: 'an unknown flavor',
    status: 400,
    text: body('badRequest', 'Flavor nope could not be found.'),
    kind: 'Exhausted',
    field: inClass('flavorName'),
  },
  {
    reason: 'an unknown image',
    status: 400,
    text: body('badRequest', 'Can not find requested image'),
    kind: 'Invalid',
    field: inClass('imageID'),
  },
  {
    reason: 'an unknown network',
    status: 400,
    text: body('badRequest', 'Network 0000 could not be found.'),
    kind: 'Invalid',
    field: inClass('networkID'),
  },
  {
    reason: 'an unknown key pair',
    status: 400,
    text: body('badRequest', 'Invalid key_name provided.'),
    kind: 'Invalid',
    field: inClass('keyName'),
  },
  {
    reason: 'an unknown security group',
    status: 400,
    text: body('badRequest', "Unable to find security_group with name or id 'nope'"),
    kind: 'Invalid',
    field: inClass('securityGroups'),
  },
  {
    reason: 'bad user-data',
    status: 400,
    text: body('badRequest', "Invalid input for field/attribute user_data. Value: a. 'a' is not a 'base64'"),
    kind: 'Invalid',
    field: 'secretRef.data.userData',
  },
  {
    reason: 'bad credentials',
    status: 401,
    text: body('error', 'The request you have made requires authentication.', { title: 'Unauthorized' }),
    kind: 'Unauthorized',
  },
  { reason: 'no server', status: 404, text: body('itemNotFound', 'Instance x could not be found.'), kind: 'NotFound' },
  {
    reason: 'a stopped server that is stopped',
    status: 409,
    text: body('conflictingRequest', "Cannot 'stop' instance x while it is in vm_state stopped"),
    kind: 'Conflict',
  },
  { reason: 'a network in use', status: 409, text: neutron('NetworkInUse', 'Unable to complete …'), kind: 'Conflict' },
  {
    reason: 'a lack of rights',
    status: 403,
    text: body('forbidden', "Policy doesn't allow os_compute_api:os-flavor-manage:create to be performed."),
    kind: 'Forbidden',
  },
] as const

/** Answers that no test provokes, as the services' documentation has them. */
const documented = [
  {
    reason: 'volume quota',
    status: 413,
    text: body('overLimit', 'VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota'),
    kind: 'Exhausted',
  },
  {
    reason: 'too many calls, as of old',
    status: 413,
    text: body('overLimit', 'This request was rate-limited.'),
    kind: 'Throttled',
  },
  { reason: 'too many calls', status: 429, text: '', kind: 'Throttled' },
  {
    reason: 'a volume type that is not there',
    status: 400,
    text: body('badRequest', 'Volume type nope could not be found.'),
    kind: 'Invalid',
    field: inClass('rootDiskType'),
  },
  {
    reason: 'a server group that is not there',
    status: 400,
    text: body('badRequest', 'Instance group x could not be found.'),
    kind: 'Invalid',
    field: inClass('serverGroupID'),
  },
  {
    reason: 'a router that may have no more routes',
    status: 400,
    text: neutron(
      'RoutesExhausted',
      'Unable to complete operation for x. The number of routes exceeds the maximum 30.',
    ),
    kind: 'Exhausted',
  },
  { reason: 'anything else that is wrong', status: 400, text: body('badRequest', 'no'), kind: 'Invalid' },
  { reason: 'a verb that is not there', status: 405, text: '', kind: 'Unimplemented' },
  { reason: 'an old service', status: 406, text: '', kind: 'Unimplemented' },
  { reason: 'a slow client', status: 408, text: '', kind: 'Timeout' },
  { reason: 'what was there', status: 410, text: '', kind: 'NotFound' },
  { reason: 'a broken service', status: 500, text: '<html>', kind: 'Unavailable' },
  { reason: 'a service that cannot', status: 501, text: '', kind: 'Unimplemented' },
  { reason: 'a proxy without a service', status: 503, text: '<html>busy</html>', kind: 'Unavailable' },
  { reason: 'a proxy that waited in vain', status: 504, text: '', kind: 'Timeout' },
  { reason: 'an unknown refusal', status: 418, text: 'null', kind: 'Invalid' },
] as const

describe('refusals of the cloud', () => {
  it.each([...recorded, ...documented])('say $kind for $reason', ({ status, text, kind, ...rest }) => {
    const failure = failureOfAnswer({ status, text }, 'POST /servers')
    expect(failure).toMatchObject({ kind, field: 'field' in rest ? rest.field : undefined })
  })

  it('use every row of the table', () => {
    const reached = new Set(
      [...recorded, ...documented].map(({ status, text }) =>
        failureTable.findIndex((row) => {
          const { kind, field } = failureOfAnswer({ status, text }, '')
          return row.status === status && row.kind === kind && row.field === field
        }),
      ),
    )
    expect(failureTable.map((_, index) => index).filter((index) => !reached.has(index))).toEqual([])
  })

  it('carry the words of the cloud, but not all of them', () => {
    const failure = failureOfAnswer({ status: 400, text: body('badRequest', 'x'.repeat(10_000)) }, 'POST /servers')
    expect(failure.message).toMatch(/^POST \/servers: x+… \(status 400\)$/)
    expect(failure.message.length).toBeLessThan(600)
  })

  it('say when to come back', () => {
    expect(failureOfAnswer({ status: 429, text: '', retryAfter: '7' }, '').retryAfterMilliseconds).toBe(7000)
    expect(failureOfAnswer({ status: 429, text: '', retryAfter: 'soon' }, '').retryAfterMilliseconds).toBeUndefined()
  })
})

describe('faults of servers', () => {
  it.each([
    [
      { code: 500, message: 'No valid host was found. ' },
      'Exhausted',
      'the server of m failed: No valid host was found.',
    ],
    [{ code: 500, message: 'No valid host was found. There are not enough hosts available.' }, 'Exhausted', undefined],
    [{ code: 403, message: 'Quota exceeded for instances' }, 'Exhausted', undefined],
    [{ code: 500, message: 'Build of instance x aborted' }, 'Unavailable', undefined],
    [undefined, 'Unavailable', 'the server of m failed: the cloud gives no reason'],
  ])('%j are %s', (fault, kind, message) => {
    expect(failureOfFault('m', fault)).toMatchObject({ kind, ...(message === undefined ? {} : { message }) })
  })
})
