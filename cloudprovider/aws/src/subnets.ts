import { present, readTags } from './answers.ts'
import type { Filter } from './client-types.ts'
import { type Ec2Caller, filtersToSend } from './ec2-caller.ts'
import type { Tags } from './server-tags.ts'

/** A part of a VPC in one zone. */
export interface Subnet {
  readonly id: string
  readonly zone: string
  readonly vpcId: string
  readonly tags: Tags
}

/** The calls about subnets. */
export interface SubnetClient {
  findSubnets(filters: readonly Filter[], signal?: AbortSignal): Promise<readonly Subnet[]>
}

/** Most subnets that one page of an answer holds. */
const pageSize = 1000

/** Subnets through the SDK. */
export function createSubnetClient({ call }: Ec2Caller): SubnetClient {
  return {
    findSubnets: async (filters, signal) => {
      const found: Subnet[] = []
      let NextToken: string | undefined
      do {
        const page = { MaxResults: pageSize, Filters: filtersToSend(filters), ...(NextToken ? { NextToken } : {}) }
        const answer = await call(
          'DescribeSubnets',
          'read',
          ({ client, sdk }, options) => client.send(new sdk.DescribeSubnetsCommand(page), options),
          signal,
        )
        for (const { SubnetId, AvailabilityZone, VpcId, Tags } of answer.Subnets ?? []) {
          found.push({
            id: present('DescribeSubnets', 'the id of a subnet', SubnetId),
            zone: present('DescribeSubnets', 'a zone', AvailabilityZone),
            vpcId: present('DescribeSubnets', 'a VPC', VpcId),
            tags: readTags(Tags),
          })
        }
        NextToken = answer.NextToken
      } while (NextToken !== undefined && NextToken !== '')
      return found
    },
  }
}
