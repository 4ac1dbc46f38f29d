/** What the garden/seed cluster of an installation is called and where it lives. One cluster plays both parts. */
export const garden = {
  name: 'garden',
  /** Name of its server, and so of its node. */
  machine: 'garden',
  apiPort: 6443,
  networks: { nodes: '10.0.0.0/16', pods: '10.1.0.0/16', services: '10.2.0.0/16' },
  clusterDns: '10.2.0.10',
  clusterDomain: 'cluster.local',
  flavor: 'large',
  image: 'trellis-seed',
  /** Where Trellis's own controllers run. */
  namespace: 'trellis-system',
  seed: 'local',
  project: 'local',
  projectNamespace: 'garden-local',
  cloudProfile: 'local',
  region: 'local',
} as const

/** The shoot that `trellis up` grows. */
export const firstShoot = {
  name: 'first',
  controlNamespace: 'shoot--local--first',
  networks: { nodes: '10.250.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' },
  workers: 2,
} as const

/** Label by which everything of an installation is found in the cloud. */
export const managedTags = { 'trellis.internal/part': 'garden' } as const
