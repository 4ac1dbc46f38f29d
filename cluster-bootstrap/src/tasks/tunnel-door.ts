import { secrets as secretResource } from '@trellis/api/core/configuration'
import { type Service, services as serviceResource } from '@trellis/api/core/service'
import type { Task } from '@trellis/flow/task'
import { decodeSecret, type SecretData } from '../secrets/secret-store.ts'
import { generationsIn, linkKeysIn } from '../secrets/tunnel-generations.ts'
import { type Blueprint, relayServerName } from '../shoot/blueprint.ts'
import {
  allTunnelPorts,
  type LinkPlace,
  linkPlaces,
  linkPort,
  relayPort,
  relayTargetPort,
} from '../shoot/tunnel-ports.ts'
import { tunnelEndName } from './front-door.ts'
import { secretsSummary } from './secrets.ts'
import { briefly, type ShootServices } from './services.ts'

/** By these the seed's front door finds the ends of tunnels: see the room front-door. */
const doorLabel = 'trellis.internal/front-door'
const publicKeysAnnotation = 'trellis.internal/tunnel-public-keys'
const serverNamesAnnotation = 'trellis.internal/server-names'
/** Label of the pods of further replicas; their number. */
const replicaLabel = 'trellis.internal/replica'
const servicePrefix = 'vpn-seed-'
const ownName = /^vpn-seed-\d{5}$/

/**
 * What the seed's front door leads to the tunnel's ends of a shoot: a Service for each port on which links wait, with the public keys by which
 * the door knows their packets. By the first of each end it finds, too, what comes in inside TLS.
 */
export function tunnelDoorServices(blueprint: Blueprint, keys: SecretData, httpConnect: boolean): readonly Service[] {
  const links = linkPlaces(blueprint, generationsIn(keys))
  return links.map((link) => {
    const isFirst = links.find(({ seedReplica }) => seedReplica === link.seedReplica) === link
    return doorService(blueprint, { link, isFirst, keys, app: tunnelEndName({ httpConnect }) })
  })
}

interface DoorEntry {
  readonly link: LinkPlace
  /** Whether it is the first of its end. */
  readonly isFirst: boolean
  readonly keys: SecretData
  readonly app: string
}

function doorService({ technicalId }: Blueprint, { link, isFirst, keys, app }: DoorEntry): Service {
  const { seedReplica } = link
  const port = linkPort(link)
  const serverName = { [serverNamesAnnotation]: relayServerName(technicalId, seedReplica) }
  const tls = { name: 'tls', protocol: 'TCP' as const, port: relayPort, targetPort: relayTargetPort }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `${servicePrefix}${port}`,
      namespace: technicalId,
      labels: { app, [doorLabel]: 'true' },
      annotations: {
        [publicKeysAnnotation]: linkKeysIn(keys, link).seed.publicKey,
        ...(isFirst ? serverName : {}),
      },
    },
    spec: {
      type: 'ClusterIP',
      // The tunnel's end works while the API server beside it does not yet.
      publishNotReadyAddresses: true,
      // Only further replicas have that label, as the first was alone once. Who comes to another by its server name is turned away, and tries again.
      selector: { app, ...(seedReplica === 0 ? {} : { [replicaLabel]: String(seedReplica) }) },
      ports: [
        // By its name, since of several pods only one has that port.
        { name: 'tunnel', protocol: 'UDP', port, targetPort: `tunnel-${port}` },
        ...(isFirst ? [tls] : []),
      ],
    },
  }
}

/** Tells the seed's front door where the tunnel ends, when shoots dial that door; else there is nothing to do. */
export const tunnelDoor: Task<ShootServices> = {
  id: 'tunnel-door',
  dependsOn: ['secrets'],
  consumes: [secretsSummary],
  retry: briefly,
  run: async ({ services: { seed, blueprint, httpConnect, tunnelDoor: address } }) => {
    if (address === undefined) return
    const name = 'vpn-keys'
    const keys = decodeSecret(await seed.get(secretResource, { namespace: blueprint.technicalId, name }))
    for (const service of tunnelDoorServices(blueprint, keys, httpConnect)) await seed.apply(serviceResource, service)
  },
}

/** Takes away what led to ends that are gone; what others have labelled for the door stays. */
export async function forgetDoors({ seed, blueprint }: Pick<ShootServices, 'seed' | 'blueprint'>): Promise<void> {
  const namespace = blueprint.technicalId
  const wanted = new Set(allTunnelPorts(blueprint).map((port) => `${servicePrefix}${port}`))
  const { items } = await seed.list(serviceResource, { namespace, labelSelector: `${doorLabel}=true` })
  const ours = items.filter(({ metadata: { name } }) => ownName.test(name))
  for (const { metadata } of ours.filter(({ metadata }) => !wanted.has(metadata.name))) {
    await seed.delete(serviceResource, { namespace, name: metadata.name })
  }
}
