import { type Moto, motoRegion, startMoto } from '@trellis/cloudprovider/aws/testing/moto'
import { afterAll, beforeAll } from 'vitest'
import { oneZone, openAwsInfrastructure } from '../../../testing/aws-harness.ts'
import { describeInfrastructure } from '../../../testing/infrastructure-conformance.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

const root = 'spec.provider.infrastructureConfig'
const zone = { name: `${motoRegion}a`, workers: '10.250.0.0/19', public: '10.250.96.0/22', internal: '10.250.112.0/22' }

describeInfrastructure('the infrastructure of AWS in front of moto', () => openAwsInfrastructure(moto), {
  refusals: [
    { reason: 'no configuration', configuration: undefined, field: root },
    { reason: 'an unknown field', configuration: oneZone({ colour: 'red' }), field: `${root}.colour` },
    {
      reason: 'a VPC that is not there',
      configuration: { networks: { vpc: { id: 'vpc-0123456789' }, zones: [zone] } },
      field: `${root}.networks.vpc.id`,
    },
  ],
})
