import { type Service, type ServicePort, services as serviceResource } from '@trellis/api/core/service'
import { defineOutput } from '@trellis/flow/output'
import type { Task } from '@trellis/flow/task'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { apiServerPort } from '../shoot/blueprint.ts'
import { allTunnelPorts, linkPort, relayPort, relayTargetPort, type TunnelSize } from '../shoot/tunnel-ports.ts'
import { waitForObject } from '../wait.ts'
import { patiently, type ShootServices, waitLimitMilliseconds } from './services.ts'

const address = Type.String({ pattern: '^[0-9]{1,3}(\\.[0-9]{1,3}){3}$' })

/** Public address of the shoot's API server and tunnel. */
export const frontDoorAddress = defineOutput('front-door', createParser(address, 'address of the front door').parse)

/** Name of the Service in the control namespace, and of the Deployment behind it. */
export const frontDoorName = 'kube-apiserver'

/** Name of the workload that has the tunnel's end in the seed. */
export function tunnelEndName(services: Pick<ShootServices, 'httpConnect'>): string {
  return services.httpConnect ? 'vpn-seed' : frontDoorName
}

/** Label of the pods behind the front door, where these are several: the API server's, and that of the tunnel's end. */
const frontDoorLabel = { 'trellis.internal/front-door': 'true' } as const

/** From here on ports belong to ends beside further API servers. */
const firstFurtherPort = linkPort({ seedReplica: 1, shootReplica: 0, generation: 0 })

/** What the front door depends on beside the size of the tunnel. */
export interface FrontDoorOptions extends Partial<Pick<ShootServices, 'httpConnect' | 'tunnelDoor'>> {
  /** The one that is there: its tunnel ports stay open. */
  readonly present?: Service | undefined
}

/**
 * The Service through which everything reaches the shoot's control plane; the tunnel too, unless the seed has a front door for the tunnels of all shoots. With http-connect the tunnel ends in other
 * pods than the API servers; then each port leads to the pods that have one of that name. So do the tunnel's ports when there are several API servers, each with an end of its own.
 */
export function frontDoorService(
  technicalId: string,
  size: TunnelSize,
  { httpConnect = false, tunnelDoor, present }: FrontDoorOptions = {},
): Service {
  const ports = [...new Set([...allTunnelPorts(size), ...tunnelPortsOf(present)])].sort((one, other) => one - other)
  const tunnel = tunnelDoor === undefined ? tunnelEntries(ports, httpConnect) : []
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: frontDoorName, namespace: technicalId, labels: { app: frontDoorName } },
    spec: {
      type: 'LoadBalancer',
      selector: httpConnect ? frontDoorLabel : { app: frontDoorName },
      ports: [
        { name: 'api', protocol: 'TCP', port: apiServerPort, targetPort: httpConnect ? 'https' : apiServerPort },
        ...tunnel,
      ],
    },
  }
}

/** Ports of the tunnel: one for each link, and the one inside TLS, behind which a link's end is found by trying. */
function tunnelEntries(ports: readonly number[], httpConnect: boolean): readonly ServicePort[] {
  const named = httpConnect || ports.some((port) => port >= firstFurtherPort)
  return [
    ...ports.map((port) => {
      const name = `tunnel-${port}`
      return { name, protocol: 'UDP' as const, port, targetPort: named ? name : port }
    }),
    { name: 'relay', protocol: 'TCP', port: relayPort, targetPort: httpConnect ? 'relay' : relayTargetPort },
  ]
}

function tunnelPortsOf(service: Service | undefined): readonly number[] {
  return (service?.spec?.ports ?? []).filter(({ protocol }) => protocol === 'UDP').map(({ port }) => port)
}

/** Makes the front door and waits until the cloud has given it an address. */
export const frontDoor: Task<ShootServices> = {
  id: 'front-door',
  dependsOn: ['namespace'],
  produces: frontDoorAddress,
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async ({ services, signal, note }) => {
    const { seed, blueprint } = services
    const key = { namespace: blueprint.technicalId, name: frontDoorName }
    // An end that is to go keeps its ports as long as it is there.
    const options = { ...services, present: await seed.find(serviceResource, key) }
    await seed.apply(serviceResource, frontDoorService(blueprint.technicalId, blueprint, options))
    return waitForObject<Service, string>({
      client: seed,
      resource: serviceResource,
      key,
      signal,
      note,
      judge: (service) => {
        const found = service?.status?.loadBalancer?.ingress?.[0]?.ip
        return found === undefined ? { missing: 'waiting for the load balancer' } : { value: found }
      },
    })
  },
}
