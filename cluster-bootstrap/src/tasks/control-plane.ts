import type { Task } from '@trellis/flow/task'
import { apiServerPort, type Blueprint, tunnelPort } from '../shoot/blueprint.ts'
import { frontDoorAddress } from './front-door.ts'
import { secretsSummary } from './secrets.ts'
import { briefly, pickImages, type ShootServices } from './services.ts'

/** Values of the chart `shoot-control-plane`. */
export function controlPlaneValues(
  blueprint: Blueprint,
  images: Readonly<Record<string, string>>,
  state: { readonly frontDoor: string; readonly checksum: string; readonly hasCloudController: boolean },
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
    frontDoor: { address: state.frontDoor, port: apiServerPort, tunnelPort },
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
    cloudControllerManager: { enabled: state.hasCloudController, network: technicalId },
  }
}

/** Installs etcd, the API server with its tunnel end, and the controllers. */
export const controlPlane: Task<ShootServices> = {
  id: 'control-plane',
  dependsOn: ['secrets', 'cloud-credentials'],
  consumes: [frontDoorAddress, secretsSummary],
  retry: briefly,
  run: async ({ services, read, signal }) => {
    const { helm, seed, seedKubeconfig, blueprint, images, cloud } = services
    const state = {
      frontDoor: read(frontDoorAddress),
      checksum: read(secretsSummary).checksum,
      hasCloudController: cloud.hasCloudController,
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
