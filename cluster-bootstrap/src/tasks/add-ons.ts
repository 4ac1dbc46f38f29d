import { secrets as secretResource } from '@trellis/api/core/configuration'
import { type DaemonSet, type Deployment, daemonSets, deployments } from '@trellis/api/core/workload'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import type { Task } from '@trellis/flow/task'
import { decodeSecret } from '../secrets/secret-store.ts'
import { apiServerPort, type Blueprint, clusterDomain } from '../shoot/blueprint.ts'
import { allTunnelPorts, relayPort, tunnelPorts } from '../shoot/tunnel-ports.ts'
import { isDaemonSetAvailable, isDeploymentAvailable } from '../shoot/workloads.ts'
import { waitFor } from '../wait.ts'
import { frontDoorAddress } from './front-door.ts'
import { replaceOneByOne } from './replace-one-by-one.ts'
import { secretsSummary } from './secrets.ts'
import { briefly, patiently, pickImages, type ShootServices, waitLimitMilliseconds } from './services.ts'
import { putShootSecret } from './tunnel-links.ts'

/** Selects the tunnel's ends in the shoot. */
const tunnelEnds = 'k8s-app=vpn-shoot'

/** Label of the workloads by which the health of a shoot's system is judged. */
export const systemComponentSelector = 'trellis.internal/system-component=true'

/** Values of the chart `shoot-addons`. */
export function addOnValues(
  blueprint: Blueprint,
  images: Readonly<Record<string, string>>,
  state: {
    readonly frontDoor: string
    readonly checksum: string
    readonly metricsAuthority: string
    readonly dnsUpstream: string | undefined
    readonly tunnelDoor?: string | undefined
  },
): Readonly<Record<string, unknown>> {
  const { networks, shoot } = blueprint
  const { kubeProxy } = shoot.spec.kubernetes
  return {
    images: pickImages(images, 'kube-proxy', 'coredns', 'vpn-shoot', 'metrics-server'),
    apiServer: {
      host: state.frontDoor,
      port: apiServerPort,
      tunnelHost: state.tunnelDoor ?? state.frontDoor,
      tunnelPorts: tunnelPorts(blueprint.tunnelReplicas),
      relayPort,
    },
    vpnShoot: { replicas: blueprint.tunnelReplicas, ...furtherPorts(blueprint) },
    networks: {
      nodes: networks.nodes,
      pods: networks.pods,
      services: networks.services,
      clusterDns: networks.clusterDns,
      clusterDomain,
    },
    secretsChecksum: state.checksum,
    kubeProxy: { mode: kubeProxy.mode.toLowerCase(), featureGates: kubeProxy.featureGates ?? {} },
    ...(state.dnsUpstream === undefined ? {} : { coredns: { upstream: state.dnsUpstream } }),
    metricsServer: { caBundle: Buffer.from(state.metricsAuthority).toString('base64') },
  }
}

/** Ports of ends beside further API servers. They stand apart from the others, so that no pod is replaced because one comes or goes. */
function furtherPorts(blueprint: Blueprint) {
  const further = allTunnelPorts(blueprint).slice(2 * blueprint.tunnelReplicas)
  return further.length === 0 ? {} : { furtherPorts: further }
}

/** Installs what every shoot runs in its kube-system, and the rights of all who join it. */
export const addOns: Task<ShootServices> = {
  id: 'add-ons',
  dependsOn: ['api-server-ready', 'secrets'],
  consumes: [frontDoorAddress, secretsSummary],
  retry: briefly,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async ({ services, read, signal, note }) => {
    const { client, kubeconfig } = await services.connectToShoot()
    const { metricsAuthority } = await copySecrets(services, client)
    const state = {
      frontDoor: read(frontDoorAddress),
      checksum: read(secretsSummary).checksum,
      metricsAuthority,
      dnsUpstream: services.dnsUpstream,
      tunnelDoor: services.tunnelDoor,
    }
    const release = {
      name: 'shoot-addons',
      chart: 'shoot-addons',
      namespace: 'kube-system',
      values: addOnValues(services.blueprint, services.images, state),
    }
    const group = { client, namespace: 'kube-system', labelSelector: tunnelEnds }
    await replaceOneByOne({
      groups: [{ ...group, several: services.blueprint.tunnelReplicas > 1 }],
      ...{ signal, note },
      install: () => services.helm.install({ client, kubeconfig }, release, signal),
    })
  },
}

/** Brings what the add-ons need to keep secret into the shoot; never by way of a chart's values, which Helm stores. */
async function copySecrets(
  { seed, blueprint }: ShootServices,
  client: ShootServices['seed'],
): Promise<{ readonly metricsAuthority: string }> {
  const read = async (name: string) =>
    decodeSecret(await seed.get(secretResource, { namespace: blueprint.technicalId, name }))
  const [tunnel, serving, authority, kubelets] = await Promise.all(
    ['vpn-shoot', 'metrics-server', 'ca-metrics-server', 'ca-kubelet'].map(read),
  )
  await putShootSecret(client, 'vpn-shoot', tunnel ?? {})
  await putShootSecret(client, 'metrics-server', {
    'tls.crt': serving?.['tls.crt'] ?? '',
    'tls.key': serving?.['tls.key'] ?? '',
    'kubelet-ca.crt': kubelets?.['ca.crt'] ?? '',
  })
  return { metricsAuthority: authority?.['ca.crt'] ?? '' }
}

/** Waits until the add-ons run. */
export const addOnsAvailable: Task<ShootServices> = {
  id: 'add-ons-available',
  dependsOn: ['nodes-ready'],
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async ({ services, signal, note }) => {
    const { client } = await services.connectToShoot()
    const wait = <Kind extends KubernetesObject>(resource: Resource<Kind>, isWell: (object: Kind) => boolean) =>
      waitFor<Kind, true>({
        client,
        resource,
        selection: { namespace: 'kube-system', labelSelector: systemComponentSelector },
        signal,
        note,
        judge: (objects) => {
          const waiting = objects.filter((object) => !isWell(object)).map((object) => object.metadata.name)
          if (objects.length === 0) return { missing: `no ${resource.plural} yet` }
          return waiting.length === 0 ? { value: true } : { missing: `waiting for ${waiting.join(', ')}` }
        },
      })
    await Promise.all([
      wait<Deployment>(deployments, isDeploymentAvailable),
      wait<DaemonSet>(daemonSets, isDaemonSetAvailable),
    ])
  },
}
