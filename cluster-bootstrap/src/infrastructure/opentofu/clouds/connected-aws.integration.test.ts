import { type Moto, startMoto } from '@trellis/cloudprovider/aws/testing/moto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAwsInfrastructure } from '../../../../testing/aws-harness.ts'
import { infrastructureRequest } from '../../../../testing/infrastructure-request.ts'
import { connectedAws } from './connected-aws.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

// The other engine gives things the names and tags that the module gives them.
describe('what a cluster left at AWS', () => {
  it('goes, and neither its infrastructure nor what is of another cluster does', async () => {
    await using harness = await openAwsInfrastructure(moto)
    const { engine } = harness.engine()
    for (const cluster of ['one', 'two']) await engine.apply(infrastructureRequest(harness.request(cluster)))
    const own = await harness.remains('one')
    for (const cluster of ['one', 'two']) await harness.leaveBehind?.(cluster)
    const others = await harness.remains('two')
    expect((await harness.remains('one')).length).toBeGreaterThan(own.length)
    const cloud = connectedAws(harness.ports)
    const request = infrastructureRequest(harness.request('one'))
    await cloud.removeLeftovers?.(request, cloud.variables(request))
    expect(await harness.remains('one')).toEqual(own)
    expect(await harness.remains('two')).toEqual(others)
    await cloud.removeLeftovers?.(request, cloud.variables(request))
    expect(request.saves).toEqual([])
  })
})
