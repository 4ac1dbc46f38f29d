import { secrets as secretResource } from '@trellis/api/core/configuration'
import { type Service, services as serviceResource } from '@trellis/api/core/service'
import type { Task } from '@trellis/flow/task'
import { decodeSecret, type SecretData } from '../secrets/secret-store.ts'
import { generationsIn, linkKeysIn } from '../secrets/tunnel-generations.ts'
import { type Blueprint, relayServerName } from '../shoot/blueprint.ts'
import { linkPort, relayPort, relayTargetPort } from '../shoot/tunnel-ports.ts'
import { frontDoorName } from './front-door.ts'
import { secretsSummary } from './secrets.ts'
import { briefly, type ShootServices } from './services.ts'

/** By these the seed's front door finds the ends of tunnels: see the room front-door. */
const doorLabel = 'trellis.internal/front-door'
const publicKeysAnnotation = 'trellis.internal/tunnel-public-keys'
const serverNamesAnnotation = 'trellis.internal/server-names'

/**
 * What the seed's front door leads to the tunnel's end of a shoot: a Service for each port on which links wait, with the public keys by which
 * the door knows their packets. By the first it finds, too, what comes in inside TLS.
 */
export function tunnelDoorServices(blueprint: Blueprint, keys: SecretData, httpConnect: boolean): readonly Service[] {
  const { technicalId, tunnelReplicas } = blueprint
  const app = httpConnect ? 'vpn-seed' : frontDoorName
  const links = Array.from({ length: tunnelReplicas }, (_, replica) =>
    generationsIn(keys).map(({ number }) => ({
      port: linkPort(replica, number),
      publicKey: linkKeysIn(keys, replica, number).seed.publicKey,
    })),
  ).flat()
  return links.map(({ port, publicKey }, index) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `vpn-seed-${port}`,
      namespace: technicalId,
      labels: { app, [doorLabel]: 'true' },
      annotations: {
        [publicKeysAnnotation]: publicKey,
        ...(index === 0 ? { [serverNamesAnnotation]: relayServerName(technicalId) } : {}),
      },
    },
    spec: {
      type: 'ClusterIP',
      // The tunnel's end works while the API server beside it does not yet.
      publishNotReadyAddresses: true,
      selector: { app },
      ports: [
        { name: 'tunnel', protocol: 'UDP', port, targetPort: port },
        ...(index === 0
          ? [{ name: 'tls', protocol: 'TCP' as const, port: relayPort, targetPort: relayTargetPort }]
          : []),
      ],
    },
  }))
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
