import type { _InstanceType } from '@aws-sdk/client-ec2'
import { Failure } from '@trellis/foundation/failure'
import { present, readInstance, readState } from './answers.ts'
import type { Ec2Client, Filter, Instance } from './client-types.ts'
import { type Ec2Caller, filtersToSend } from './ec2-caller.ts'
import { createLooseCalls } from './loose-calls.ts'
import { tagList } from './run-request.ts'

export type * from './client-types.ts'

/** Most things that one page of an answer holds. */
const pageSize = 1000

/** EC2 through its SDK. */
export function createEc2Client(caller: Ec2Caller): Ec2Client {
  return {
    ...createInstanceCalls(caller),
    ...createInstanceChanges(caller),
    ...createLooseCalls(caller),
    [Symbol.dispose]: () => caller[Symbol.dispose](),
  }
}

type InstanceCalls = Pick<
  Ec2Client,
  'runInstance' | 'findInstances' | 'rootDeviceName' | 'terminateInstances' | 'consoleOutput'
>

function createInstanceCalls({ call }: Ec2Caller): InstanceCalls {
  return {
    runInstance: async (request, signal) => {
      // The SDK lists the types of its day; EC2 knows more.
      const InstanceType = request.InstanceType as _InstanceType
      const { Instances } = await call(
        'RunInstances',
        'run',
        ({ client, sdk }, options) =>
          client.send(new sdk.RunInstancesCommand({ ...request, InstanceType, MinCount: 1, MaxCount: 1 }), options),
        signal,
      )
      return readInstance('RunInstances', present('RunInstances', 'an instance', Instances?.[0]))
    },
    findInstances: (filters) => findInstances(call, filters),
    rootDeviceName: async (imageId) => {
      const { Images } = await call('DescribeImages', 'read', ({ client, sdk }, options) =>
        client.send(new sdk.DescribeImagesCommand({ ImageIds: [imageId] }), options),
      )
      const [image] = Images ?? []
      if (image === undefined) {
        throw new Failure('NotFound', `there is no image ${imageId}`, { field: 'providerSpec.ami' })
      }
      return present('DescribeImages', 'a root device', image.RootDeviceName)
    },
    terminateInstances: async (ids) => {
      const { TerminatingInstances = [] } = await call('TerminateInstances', 'change', ({ client, sdk }, options) =>
        client.send(new sdk.TerminateInstancesCommand({ InstanceIds: [...ids] }), options),
      )
      return new Map(
        TerminatingInstances.map(({ InstanceId, CurrentState }) => [
          present('TerminateInstances', 'an instance id', InstanceId),
          readState('TerminateInstances', CurrentState?.Name),
        ]),
      )
    },
    consoleOutput: async (InstanceId, signal) => {
      const { Output = '' } = await call(
        'GetConsoleOutput',
        'read',
        ({ client, sdk }, options) => client.send(new sdk.GetConsoleOutputCommand({ InstanceId }), options),
        signal,
      )
      return Buffer.from(Output, 'base64').toString()
    },
  }
}

async function findInstances(call: Ec2Caller['call'], filters: readonly Filter[]): Promise<readonly Instance[]> {
  const found: Instance[] = []
  let NextToken: string | undefined
  do {
    const page = { MaxResults: pageSize, Filters: filtersToSend(filters), ...(NextToken ? { NextToken } : {}) }
    const answer = await call('DescribeInstances', 'read', ({ client, sdk }, options) =>
      client.send(new sdk.DescribeInstancesCommand(page), options),
    )
    for (const { Instances = [] } of answer.Reservations ?? []) {
      found.push(...Instances.map((one) => readInstance('DescribeInstances', one)))
    }
    NextToken = answer.NextToken
  } while (NextToken !== undefined && NextToken !== '')
  return found
}

type InstanceChanges = Pick<
  Ec2Client,
  'disableSourceDestCheck' | 'assignIpv6Prefixes' | 'setTags' | 'unsetTags' | 'setMonitoring' | 'setMetadataOptions'
>

function createInstanceChanges({ call }: Ec2Caller): InstanceChanges {
  return {
    disableSourceDestCheck: async (NetworkInterfaceId, signal) => {
      const change = { NetworkInterfaceId, SourceDestCheck: { Value: false } }
      await call(
        'ModifyNetworkInterfaceAttribute',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.ModifyNetworkInterfaceAttributeCommand(change), options),
        signal,
      )
    },
    assignIpv6Prefixes: async (NetworkInterfaceId, Ipv6PrefixCount, signal) => {
      await call(
        'AssignIpv6Addresses',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.AssignIpv6AddressesCommand({ NetworkInterfaceId, Ipv6PrefixCount }), options),
        signal,
      )
    },
    setTags: async (ids, tags, signal) => {
      const change = { Resources: [...ids], Tags: tagList(tags) }
      await call(
        'CreateTags',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.CreateTagsCommand(change), options),
        signal,
      )
    },
    unsetTags: async (ids, keys, signal) => {
      const change = { Resources: [...ids], Tags: keys.map((Key) => ({ Key })) }
      await call(
        'DeleteTags',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.DeleteTagsCommand(change), options),
        signal,
      )
    },
    setMonitoring: async (id, on, signal) => {
      const InstanceIds = [id]
      await call<unknown>(
        on ? 'MonitorInstances' : 'UnmonitorInstances',
        'change',
        ({ client, sdk }, options) =>
          on
            ? client.send(new sdk.MonitorInstancesCommand({ InstanceIds }), options)
            : client.send(new sdk.UnmonitorInstancesCommand({ InstanceIds }), options),
        signal,
      )
    },
    setMetadataOptions: async (InstanceId, metadata, signal) => {
      await call(
        'ModifyInstanceMetadataOptions',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.ModifyInstanceMetadataOptionsCommand({ InstanceId, ...metadata }), options),
        signal,
      )
    },
  }
}
