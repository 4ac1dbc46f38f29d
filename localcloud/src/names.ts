import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** The four sorts of resources, and how their ids begin. */
export const idPrefixes = { network: 'net', server: 'srv', 'load-balancer': 'lb', route: 'rt' } as const

/** A sort of resource. */
export type ResourceKind = keyof typeof idPrefixes

/** Letters and digits after an id's prefix. */
export const idSuffixLength = 8

/** Name of the bridge to which servers of a network are attached. */
export const bridgeName = 'br0'
/** Name of a network's interface in the public network. */
export const uplinkName = 'uplink'
/** Name of the public bridge in the cloud's own namespace. */
export const publicBridgeName = 'public'
/** Name of the host's link inside the cloud's own namespace. */
export const hostLinkName = 'host'
/** Name of a server's only interface, inside the server. */
export const serverLinkName = 'eth0'

/** Everything that an installation's name decides. No two installations share any of these. */
export interface InstanceNames {
  readonly instance: string
  /** The cloud's own network namespace. */
  readonly coreNamespace: string
  /** The host's interface into the public network. */
  readonly hostInterface: string
  /** Address in the abstract socket namespace that only one daemon can hold. */
  readonly lockSocket: string
}

/** The names of an installation; throws `Invalid` for a name that would not fit into interface names or could be mistaken for a longer one. */
export function namesOf(instance: string): InstanceNames {
  if (!/^[a-z][a-z0-9]{0,10}$/.test(instance)) {
    throw new Failure('Invalid', `the instance name "${instance}" does not fit`, {
      field: 'instance',
      remedy: 'use 1 to 11 lower-case letters and digits, beginning with a letter',
    })
  }
  return {
    instance,
    coreNamespace: `${instance}-cloud`,
    hostInterface: `${instance}-pub`,
    lockSocket: `\0trellis-localcloud-${instance}`,
  }
}

/** Network namespace of a network or server, and id of a server's container. */
export function namespaceOf(instance: string, id: string): string {
  return `${instance}-${id}`
}

/** Path below each cgroup hierarchy of everything that a server runs. */
export function cgroupOf(instance: string, serverId: string): string {
  return `/${instance}/${serverId}`
}

/** The outer end of a server's link (in its network's namespace) or of a network's uplink (in the cloud's). At most 15 characters. */
export function outerLinkOf(id: string): string {
  return id.replace('-', '').slice(0, 15)
}

/** The id in the name of a namespace of this installation's networks and servers; undefined for any other namespace. */
export function idInNamespace(instance: string, namespace: string): string | undefined {
  const match = namespace.startsWith(`${instance}-`) ? namespace.slice(instance.length + 1) : ''
  return /^(net|srv)-[a-z0-9]{8}$/.test(match) ? match : undefined
}

/** A hardware address that stays the same, because a bridge that changes its address with its ports interrupts its neighbours. */
export function stableHardwareAddress(name: string): string {
  const bytes = createHash('sha256').update(name).digest().subarray(0, 5)
  return ['02', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':')
}

/** Where an installation keeps its files. */
export interface Places {
  readonly stateDirectory: string
  readonly runDirectory: string
  readonly socketPath: string
  /** Process id of the supervisor. */
  readonly supervisorPidFile: string
  /** Process id of the daemon. */
  readonly daemonPidFile: string
  readonly runcRoot: string
  readonly records: string
  /** One directory per server; mounted on itself so that nothing mounted below leaks out. */
  readonly machines: string
  readonly credentials: string
  readonly imagesFile: string
  readonly daemonLog: string
}

/** The files below the installation's state and run directories. */
export function placesOf(stateDirectory: string, runDirectory: string): Places {
  const state = join(stateDirectory, 'localcloud')
  return {
    stateDirectory: state,
    runDirectory,
    socketPath: join(runDirectory, 'localcloud.sock'),
    supervisorPidFile: join(runDirectory, 'localcloud-supervisor.pid'),
    daemonPidFile: join(runDirectory, 'localcloud.pid'),
    runcRoot: join(runDirectory, 'localcloud-runc'),
    records: join(state, 'records'),
    machines: join(state, 'machines'),
    credentials: join(state, 'credentials'),
    imagesFile: join(state, 'images.json'),
    daemonLog: join(state, 'daemon.log'),
  }
}
