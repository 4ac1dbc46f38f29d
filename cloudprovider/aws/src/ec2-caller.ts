import type * as Ec2Sdk from '@aws-sdk/client-ec2'
import { type AwsCaller, type AwsConnectionOptions, clientConfiguration, createCaller } from './caller.ts'
import type { Filter } from './client-types.ts'

/** Calls of EC2 through the SDK. */
export type Ec2Caller = AwsCaller<Ec2Sdk.EC2Client, typeof Ec2Sdk>

/** Connects to EC2; nothing is loaded or sent before the first call. */
export function createEc2Caller(options: AwsConnectionOptions): Ec2Caller {
  return createCaller(options, async () => {
    const sdk = await import('@aws-sdk/client-ec2')
    return { sdk, client: new sdk.EC2Client(await clientConfiguration(options, 'ec2')) }
  })
}

/** Filters as the SDK's types want them. */
export function filtersToSend(filters: readonly Filter[]): { Name: string; Values: string[] }[] {
  return filters.map(({ Name, Values }) => ({ Name, Values: [...Values] }))
}
