import { noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import { ownershipTags } from '@trellis/cloudprovider/contract/tags'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { instanceOf } from '../testing/instances.ts'
import { leastSpec } from '../testing/specs.ts'
import type { Ec2Client, Instance } from './client-types.ts'
import type { Place } from './cluster.ts'
import { createServer } from './create-server.ts'
import { foldFault } from './failures.ts'
import { parseProviderSpec } from './provider-spec.ts'
import { createServerFinder } from './server-finder.ts'

type Answer = Instance | string

/** A cluster whose EC2 answers RunInstances as scripted: with a server, or with a code. */
function setUp(answers: readonly Answer[], byToken: () => readonly Instance[] = () => []) {
  const clock = createVirtualClock(0)
  const tokens: string[] = []
  const script = [...answers]
  const client = {
    runInstance: async ({ ClientToken }: { ClientToken: string }) => {
      tokens.push(ClientToken)
      const answer = script.shift() ?? 'InternalError'
      if (typeof answer !== 'string') return answer
      throw foldFault(
        'RunInstances',
        Object.assign(new Error('no'), { name: answer, $metadata: { httpStatusCode: 400 } }),
      )
    },
    findInstances: async (filters: readonly { Name: string }[]) =>
      filters.some(({ Name }) => Name === 'client-token') ? byToken() : [],
    setTags: async () => {},
  } as Partial<Ec2Client> as Ec2Client
  const spec = parseProviderSpec(leastSpec())
  const owned = ownershipTags(spec.tags)
  const cluster = {
    clock,
    client,
    owned,
    metrics: noCallMetrics,
    images: { rootDeviceName: async () => '/dev/xvda' },
    finder: createServerFinder({ clock, client }, owned),
    mismatches: new Map<string, number>(),
  } as Partial<Place['cluster']> as Place['cluster']
  const request = { machineName: 'machine-a', providerSpec: leastSpec(), secret: {}, userData: 'x' }
  return { clock, tokens, create: () => createServer({ cluster, spec }, request) }
}

const pending = instanceOf({ id: 'i-new', state: 'pending' })

describe('the token of a server', () => {
  it('is the next one when the server of an earlier one has ended', async () => {
    const { create, tokens } = setUp(['IdempotentInstanceTerminated', instanceOf({ state: 'terminated' }), pending])
    expect((await create()).providerId).toBe('aws:///eu-west-1/i-new')
    expect(new Set(tokens).size).toBe(3)
  })

  it('is the same again after a failure', async () => {
    const { create, tokens } = setUp(['InternalError', 'InsufficientInstanceCapacity', pending])
    await expect(create()).rejects.toMatchObject({ kind: 'Unavailable' })
    await expect(create()).rejects.toMatchObject({ kind: 'Exhausted' })
    await create()
    expect(new Set(tokens).size).toBe(1)
  })

  it('leads to the server that it made when the request has changed', async () => {
    const { create } = setUp(['IdempotentParameterMismatch'], () => [instanceOf({ id: 'i-old' })])
    expect((await create()).providerId).toBe('aws:///eu-west-1/i-old')
  })

  it('is the next one when the request has changed and the server has ended', async () => {
    const { create, tokens } = setUp(['IdempotentParameterMismatch', pending], () => [
      instanceOf({ id: 'i-old', state: 'terminated' }),
    ])
    expect((await create()).providerId).toBe('aws:///eu-west-1/i-new')
    expect(new Set(tokens).size).toBe(2)
  })

  it('is waited for while EC2 may not show its server yet, and then given up', async () => {
    const mismatch = 'IdempotentParameterMismatch'
    const { clock, create, tokens } = setUp([mismatch, mismatch, mismatch, pending])
    await expect(create()).rejects.toMatchObject({ kind: 'Unavailable', retryAfterMilliseconds: 5000 })
    await clock.advance(119_999)
    await expect(create()).rejects.toMatchObject({ kind: 'Unavailable' })
    await clock.advance(1)
    expect((await create()).providerId).toBe('aws:///eu-west-1/i-new')
    expect(new Set(tokens.slice(0, 3)).size).toBe(1)
    expect(tokens[3]).not.toBe(tokens[0])
  })

  it('is not sought for ever', async () => {
    const { create, tokens } = setUp(Array.from({ length: 100 }, () => 'IdempotentInstanceTerminated'))
    await expect(create()).rejects.toMatchObject({ kind: 'Unavailable', remedy: expect.stringContaining('machine') })
    expect(tokens).toHaveLength(20)
  })
})
