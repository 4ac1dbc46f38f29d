/** Methods of the Compute API that drivers and infrastructure call, by service, under the names that Google's own message definitions give them. */
export const computeMethods = {
  Addresses: ['Delete', 'Get', 'Insert', 'List'],
  Disks: ['Delete', 'List'],
  Firewalls: ['Delete', 'Get', 'Insert', 'List', 'Patch'],
  ForwardingRules: ['Delete', 'List'],
  GlobalOperations: ['Wait'],
  Instances: [
    'AggregatedList',
    'Delete',
    'Get',
    'GetSerialPortOutput',
    'Insert',
    'List',
    'SetDeletionProtection',
    'SetLabels',
    'SetMetadata',
    'SetTags',
  ],
  Networks: ['Delete', 'Get', 'Insert'],
  RegionOperations: ['Wait'],
  Routers: ['Delete', 'Get', 'Insert', 'Patch'],
  Routes: ['Delete', 'Insert', 'List'],
  Subnetworks: ['Delete', 'ExpandIpCidrRange', 'Get', 'Insert', 'Patch'],
  TargetPools: ['Delete', 'List'],
  ZoneOperations: ['List', 'Wait'],
} as const

/** A service of the Compute API. */
export type ComputeService = keyof typeof computeMethods

/** A method of one of its services. */
export type ComputeMethod<Service extends ComputeService> = (typeof computeMethods)[Service][number]
