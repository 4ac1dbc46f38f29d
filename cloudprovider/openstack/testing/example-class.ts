/** Tags that make a server one of cluster `one`. */
export const exampleTags = { 'kubernetes.io-cluster-one': '1', 'kubernetes.io-role-node': '1' } as const

/** The least that a machine class of provider `OpenStack` says, below `spec`. */
export const exampleSpec = {
  imageID: 'image-1',
  region: 'RegionOne',
  availabilityZone: 'nova',
  flavorName: 'm1.small',
  keyName: 'key',
  securityGroups: ['nodes'],
  tags: exampleTags,
  networkID: 'network-1',
  podNetworkCIDRs: ['100.96.0.0/16'],
} as const

/** A secret of such a class. */
export const exampleSecret = {
  authURL: 'https://keystone.example.org:5000/v3',
  username: 'demo',
  password: 'hidden',
  domainName: 'Default',
  tenantName: 'demo',
  userData: '#cloud-config\n',
} as const
