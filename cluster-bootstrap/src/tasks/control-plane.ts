import type { Task } from '@trellis/flow/task'
import type { ShootCloud } from '../clouds/cloud.ts'
import { apiServerPort, type Blueprint } from '../shoot/blueprint.ts'
import { relayTargetPort, tunnelPorts } from '../shoot/tunnel-ports.ts'
import { credentialsVersion } from './cloud-credentials.ts'
import { frontDoorAddress } from './front-door.ts'
import { secretsSummary } from './secrets.ts'
import { briefly, pickImages, type ShootServices } from './services.ts'

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
    },
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

/** Installs etcd, the API server with its tunnel end, and the controllers. */
export const controlPlane: Task<ShootServices> = {
  id: 'control-plane',
  dependsOn: ['secrets', 'cloud-credentials'],
  consumes: [frontDoorAddress, secretsSummary, credentialsVersion],
  retry: briefly,
  run: async ({ services, read, signal }) => {
    const { helm, seed, seedKubeconfig, blueprint, images, cloud } = services
    const state = {
      frontDoor: read(frontDoorAddress),
      checksum: read(secretsSummary).checksum,
      credentials: read(credentialsVersion).version,
      cloud,
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
  },
}
