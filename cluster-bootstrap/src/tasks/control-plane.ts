import type { Task, TaskContext } from '@trellis/flow/task'
import type { ShootCloud } from '../clouds/cloud.ts'
import { mostApiServerReplicas } from '../secrets/tunnel-generations.ts'
import { apiServerPort, type Blueprint } from '../shoot/blueprint.ts'
import { relayTargetPort, replicaName, tunnelPorts, upTo } from '../shoot/tunnel-ports.ts'
import { credentialsVersion } from './cloud-credentials.ts'
import { frontDoorAddress, frontDoorName, tunnelEndName } from './front-door.ts'
import { replaceOneByOne } from './replace-one-by-one.ts'
import { secretsSummary } from './secrets.ts'
import { briefly, pickImages, type ShootServices, waitLimitMilliseconds } from './services.ts'
import { awaitLinks, presentTunnelEnds } from './tunnel-links.ts'

/** What the values depend on beside the blueprint. */
export interface ControlPlaneState {
  /** Address of the front door. */
  readonly frontDoor: string
  /** Changes with the secrets. */
  readonly checksum: string
  /** Changes with the credentials for the cloud. */
  readonly credentials: string
  readonly cloud: Pick<ShootCloud, 'type' | 'cloudController' | 'endpoints'>
  /** Whether the tunnel ends in a pod of its own; no unless told. */
  readonly httpConnect?: boolean
  /** API servers that are there and stay for now, though fewer are wanted. */
  readonly presentReplicas?: number
}

/** Values of the chart `shoot-control-plane`. */
export function controlPlaneValues(
  blueprint: Blueprint,
  images: Readonly<Record<string, string>>,
  state: ControlPlaneState,
): Readonly<Record<string, unknown>> {
  const { technicalId, networks, shoot } = blueprint
  const { kubernetes } = shoot.spec
  const plugins = kubernetes.kubeAPIServer?.admissionPlugins ?? []
  return {
    images: pickImages(
      images,
      'etcd',
      'kube-apiserver',
      'kube-controller-manager',
      'kube-scheduler',
      'cloud-controller-manager',
      'vpn-seed',
    ),
    technicalId,
    frontDoor: {
      address: state.frontDoor,
      port: apiServerPort,
      tunnelPorts: tunnelPorts(blueprint.tunnelReplicas),
      relayPort: relayTargetPort,
    },
    networks: {
      nodes: networks.nodes,
      pods: networks.pods,
      services: networks.services,
      nodeCidrMaskSize: networks.nodeCidrMaskSize,
    },
    secretsChecksum: state.checksum,
    kubeApiserver: {
      featureGates: kubernetes.kubeAPIServer?.featureGates ?? {},
      runtimeConfig: kubernetes.kubeAPIServer?.runtimeConfig ?? {},
      enableAdmissionPlugins: [
        ...new Set(['NodeRestriction', ...plugins.filter((one) => one.disabled !== true).map((one) => one.name)]),
      ],
      disableAdmissionPlugins: plugins.filter((one) => one.disabled === true).map((one) => one.name),
      ...(blueprint.apiServerReplicas > 1 ? { highlyAvailable: true } : {}),
    },
    ...furtherReplicas(blueprint, state.presentReplicas ?? 0),
    kubeControllerManager: { featureGates: kubernetes.kubeControllerManager?.featureGates ?? {} },
    kubeScheduler: { featureGates: kubernetes.kubeScheduler?.featureGates ?? {} },
    cloudControllerManager: cloudControllerValues(blueprint, state),
    ...(state.httpConnect === true ? { vpnSeed: { httpConnect: { enabled: true } } } : {}),
  }
}

function cloudControllerValues(
  blueprint: Blueprint,
  { cloud, credentials }: ControlPlaneState,
): Readonly<Record<string, unknown>> {
  return {
    provider: cloud.type,
    endpoints: cloud.endpoints(blueprint.providerConfig),
    credentialsVersion: credentials,
    ...cloud.cloudController(blueprint),
  }
}

/** What the chart is told of API servers beside the first; nothing when there is none, so that nothing changes for who has one. */
function furtherReplicas({ apiServerReplicas, tunnelReplicas }: Blueprint, present: number) {
  const further = upTo(Math.max(apiServerReplicas, present)).slice(1)
  if (further.length === 0) return {}
  return { furtherReplicas: further.map((replica) => ({ tunnelPorts: tunnelPorts(tunnelReplicas, replica) })) }
}

/**
 * Installs etcd, the API servers with their tunnel ends, and the controllers. Where there are several API servers, one goes on while another is replaced or taken away: the flow waits for that.
 */
export const controlPlane: Task<ShootServices> = {
  id: 'control-plane',
  dependsOn: ['secrets', 'cloud-credentials', 'tunnel-links'],
  consumes: [frontDoorAddress, secretsSummary, credentialsVersion],
  retry: briefly,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: async (context) => {
    const { services, signal, note } = context
    const { seed, blueprint } = services
    const present = await presentTunnelEnds(services)
    const install = (presentReplicas: number) => installControlPlane(context, presentReplicas)
    const several = Math.max(present, blueprint.apiServerReplicas) > 1
    const groups = [...new Set([frontDoorName, tunnelEndName(services)])].map((app) => ({
      ...{ client: seed, namespace: blueprint.technicalId, labelSelector: `app=${app}`, several },
    }))
    await replaceOneByOne({
      ...{ groups, signal, note },
      install: () => install(present),
      standInsReady: (names) => standInsReady(names, context),
    })
    if (present > blueprint.apiServerReplicas) await install(0)
  },
}

async function installControlPlane(
  { services, read, signal }: TaskContext<ShootServices>,
  presentReplicas: number,
): Promise<void> {
  const { helm, seed, seedKubeconfig, blueprint, images, cloud } = services
  const state = {
    ...{ cloud, presentReplicas },
    frontDoor: read(frontDoorAddress),
    checksum: read(secretsSummary).checksum,
    credentials: read(credentialsVersion).version,
    httpConnect: services.httpConnect,
  }
  await helm.install(
    { client: seed, kubeconfig: seedKubeconfig },
    {
      name: 'control-plane',
      chart: 'shoot-control-plane',
      namespace: blueprint.technicalId,
      values: controlPlaneValues(blueprint, images, state),
    },
    signal,
  )
}

/** Waits until the nodes are reached through those that stand in for an end of the tunnel. */
async function standInsReady(
  names: readonly string[],
  { services, signal, note }: TaskContext<ShootServices>,
): Promise<void> {
  const workload = tunnelEndName(services)
  const numbers = upTo(mostApiServerReplicas).filter((number) => names.includes(replicaName(workload, number)))
  if (numbers.length === 0) return
  const { client } = await services.connectToShoot()
  await awaitLinks({ client, services, ends: numbers, stage: 'up', signal, note })
}
