/** Address ranges of shoots that name none. */
export const defaultShootNetworks = {
  nodes: '10.250.0.0/16',
  pods: '100.96.0.0/16',
  services: '100.64.0.0/16',
} as const

/** The way in which pods of different nodes reach each other: the cloud's own routes. */
export const cloudRoutesNetworking = 'cloud-routes'

/** Size of the pod network of each node unless told. */
export const defaultNodeCidrMaskSize = 24

/** Ranges that the house itself uses, which no cluster may have. */
export const reservedNetworks = [
  { name: 'the tunnel', cidr: '192.168.123.0/24' },
  { name: 'instance metadata', cidr: '169.254.0.0/16' },
  { name: 'loopback', cidr: '127.0.0.0/8' },
  { name: 'multicast and reserved addresses', cidr: '224.0.0.0/3' },
] as const
