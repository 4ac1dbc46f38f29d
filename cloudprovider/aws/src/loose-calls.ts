import { present, type RawTag, readTags } from './answers.ts'
import type { Ec2Client, Filter, LooseKind, LooseThing } from './client-types.ts'
import { type Ec2Caller, filtersToSend } from './ec2-caller.ts'

type Find = (filters: readonly Filter[]) => Promise<readonly LooseThing[]>
type Delete = (id: string, signal: AbortSignal | undefined) => Promise<unknown>

/** Most things that one page of an answer holds. */
const pageSize = 500

/** The calls of EC2 about things that may lie about. */
export function createLooseCalls(caller: Ec2Caller): Pick<Ec2Client, 'findLoose' | 'deleteLoose'> {
  const kinds: Readonly<Record<LooseKind, { readonly find: Find; readonly remove: Delete }>> = {
    'network-interface': interfaces(caller),
    volume: volumes(caller),
    address: addresses(caller),
  }
  return {
    findLoose: (kind, filters) => kinds[kind].find(filters),
    deleteLoose: async (kind, id, signal) => void (await kinds[kind].remove(id, signal)),
  }
}

function interfaces({ call }: Ec2Caller): { readonly find: Find; readonly remove: Delete } {
  const api = 'DescribeNetworkInterfaces'
  return {
    find: (filters) =>
      allPages(async (NextToken) => {
        const page = { MaxResults: pageSize, Filters: filtersToSend(filters), ...NextToken }
        const answer = await call(api, 'read', ({ client, sdk }, options) =>
          client.send(new sdk.DescribeNetworkInterfacesCommand(page), options),
        )
        const found = (answer.NetworkInterfaces ?? []).map(({ NetworkInterfaceId, TagSet, Status }) =>
          thing(api, { id: NetworkInterfaceId, tags: TagSet, free: Status === 'available' }),
        )
        return { found, next: answer.NextToken }
      }),
    remove: (NetworkInterfaceId, signal) =>
      call(
        'DeleteNetworkInterface',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.DeleteNetworkInterfaceCommand({ NetworkInterfaceId }), options),
        signal,
      ),
  }
}

function volumes({ call }: Ec2Caller): { readonly find: Find; readonly remove: Delete } {
  const api = 'DescribeVolumes'
  return {
    find: (filters) =>
      allPages(async (NextToken) => {
        const page = { MaxResults: pageSize, Filters: filtersToSend(filters), ...NextToken }
        const answer = await call(api, 'read', ({ client, sdk }, options) =>
          client.send(new sdk.DescribeVolumesCommand(page), options),
        )
        const found = (answer.Volumes ?? []).map(({ VolumeId, Tags, State, CreateTime }) =>
          thing(api, { id: VolumeId, tags: Tags, free: State === 'available', at: CreateTime }),
        )
        return { found, next: answer.NextToken }
      }),
    remove: (VolumeId, signal) =>
      call(
        'DeleteVolume',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.DeleteVolumeCommand({ VolumeId }), options),
        signal,
      ),
  }
}

function addresses({ call }: Ec2Caller): { readonly find: Find; readonly remove: Delete } {
  const api = 'DescribeAddresses'
  return {
    find: async (filters) => {
      const { Addresses = [] } = await call(api, 'read', ({ client, sdk }, options) =>
        client.send(new sdk.DescribeAddressesCommand({ Filters: filtersToSend(filters) }), options),
      )
      return Addresses.map(({ AllocationId, Tags, AssociationId, NetworkInterfaceId }) =>
        thing(api, { id: AllocationId, tags: Tags, free: isBlank(AssociationId) && isBlank(NetworkInterfaceId) }),
      )
    },
    remove: (AllocationId, signal) =>
      call(
        'ReleaseAddress',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.ReleaseAddressCommand({ AllocationId }), options),
        signal,
      ),
  }
}

interface RawThing {
  readonly id: string | undefined
  readonly tags: readonly RawTag[] | undefined
  readonly free: boolean
  readonly at?: Date | undefined
}

function thing(api: string, { id, tags, free, at }: RawThing): LooseThing {
  const common = { id: present(api, 'an id', id), tags: readTags(tags), free }
  return at === undefined ? common : { ...common, createdAt: at.getTime() }
}

async function allPages(
  ask: (token: { readonly NextToken?: string }) => Promise<{
    readonly found: readonly LooseThing[]
    readonly next: string | undefined
  }>,
): Promise<readonly LooseThing[]> {
  const all: LooseThing[] = []
  let token: string | undefined
  do {
    const { found, next } = await ask(isBlank(token) ? {} : { NextToken: token ?? '' })
    all.push(...found)
    token = next
  } while (!isBlank(token))
  return all
}

function isBlank(text: string | undefined): boolean {
  return text === undefined || text === ''
}
