import { type Static, Type } from 'typebox'
import { ageColumn, type CustomResource, type PrinterColumn } from '../custom-resource.ts'
import type { Resource } from '../meta.ts'
import {
  choice,
  complete,
  flag,
  immutable,
  int32,
  list,
  mapOf,
  objectFields,
  optional,
  partial,
  raw,
  rules,
  text,
} from '../schema-parts.ts'
import { cidr, gardenGroup, gardenVersion } from './common.ts'
import { longestProjectAndShootName } from './shoot-names.ts'
import { shootConditionTypes, shootStatusSchema } from './shoot-status.ts'
import { kubeletSchema, workerSchema } from './shoot-worker.ts'

const featureGates = () => mapOf('Features to switch on or off.', Type.Boolean())

/** Which Kubernetes and how it is set. */
const kubernetesSchema = partial('Kubernetes of the cluster.', {
  version: text('A version of the cloud profile, as in 1.37.2; the newest when absent.'),
  kubeAPIServer: partial('Settings of the API server.', {
    featureGates: featureGates(),
    runtimeConfig: mapOf('API versions to switch on or off.', Type.Boolean()),
    admissionPlugins: list(
      'Admission plug-ins to switch on or off.',
      complete('An admission plug-in.', {
        name: text('Name of the plug-in.'),
        disabled: optional(flag('Whether it is off.')),
        config: optional(raw('Its configuration.')),
      }),
    ),
  }),
  kubeControllerManager: partial('Settings of the controller manager.', {
    featureGates: featureGates(),
    nodeCIDRMaskSize: int32('Size of the pod network of each node; 24 when absent.', immutable),
  }),
  kubeScheduler: partial('Settings of the scheduler.', { featureGates: featureGates() }),
  kubeProxy: partial('Settings of kube-proxy.', {
    featureGates: featureGates(),
    mode: choice('How it steers packets; NFTables when absent.', ['IPTables', 'NFTables']),
  }),
  kubelet: kubeletSchema,
})

/** Address ranges of a cluster. */
const networkingSchema = partial('Networks of the cluster.', {
  type: text('Pod network; cloud-routes when absent: the cloud routes to the pods of each node.', immutable),
  nodes: cidr('Range of the nodes; 10.250.0.0/16 when absent.'),
  pods: cidr('Range of the pods; 100.96.0.0/16 when absent.'),
  services: cidr('Range of the services; 100.64.0.0/16 when absent.'),
})

/** Where the cluster is made. */
const providerSchema = complete('The cloud and what is made there.', {
  type: text('Name of the cloud, as in local.', immutable),
  infrastructureConfig: optional(raw("The cloud's own settings of the network.")),
  controlPlaneConfig: optional(raw("The cloud's own settings of the control plane.")),
  workers: optional(
    list('Pools of nodes.', workerSchema, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
  ),
})

/** What of the control plane may fail. */
const failureToleranceSchema = complete('What of it may fail while the API server goes on; nothing when absent.', {
  type: Type.Unsafe<'node' | 'zone'>({
    ...choice('node or zone: what may fail.', ['node', 'zone']),
    ...rules({
      rule: 'self == oldSelf',
      message: 'may not change from one to the other; take highAvailability away first',
    }),
  }),
})

/** How the cluster's control plane runs. */
const controlPlaneSchema = partial('How the control plane runs.', {
  highAvailability: partial(
    'Whether it goes on when a part fails: by two API servers, each with an end of the tunnel.',
    {
      failureTolerance: failureToleranceSchema,
    },
  ),
})

/** Which cloud profile a Shoot follows. */
const cloudProfileReferenceSchema = complete('The cloud profile.', {
  kind: choice('Kind of the profile.', ['CloudProfile']),
  name: text('Name of the profile.', immutable),
})

/** What a user wants of a cluster. */
export const shootSpecSchema = complete('The cluster that is wanted.', {
  cloudProfile: optional(cloudProfileReferenceSchema),
  cloudProfileName: optional(text('The older way to name the cloud profile.')),
  region: text('A region of the cloud profile.', immutable),
  seedName: optional(text('The seed that runs the control plane; chosen when absent.', immutable)),
  secretBindingName: optional(text('The SecretBinding that holds the credentials for the cloud.')),
  credentialsBindingName: optional(text('The CredentialsBinding that holds the credentials for the cloud.')),
  provider: providerSchema,
  networking: optional(networkingSchema),
  kubernetes: optional(kubernetesSchema),
  controlPlane: optional(controlPlaneSchema),
  purpose: optional(
    choice('What the cluster is for; evaluation when absent.', [
      'evaluation',
      'testing',
      'development',
      'production',
      'infrastructure',
    ]),
  ),
  hibernation: optional(
    partial('Whether the cluster sleeps.', { enabled: flag('Takes nodes and control plane away, keeps the data.') }),
  ),
  maintenance: optional(
    partial('When and what may change by itself.', {
      autoUpdate: partial('What is updated by itself.', {
        kubernetesVersion: flag('Whether Kubernetes is updated.'),
        machineImageVersion: flag('Whether the machine image is updated.'),
      }),
      timeWindow: complete('The daily window, as in 220000+0100.', {
        begin: text('Its begin.'),
        end: text('Its end.'),
      }),
    }),
  ),
  addons: optional(
    partial('Extras in the cluster.', {
      kubernetesDashboard: partial('The dashboard of Kubernetes.', { enabled: flag('Whether it is installed.') }),
      nginxIngress: partial('An ingress controller.', { enabled: flag('Whether it is installed.') }),
    }),
  ),
})

/** Schema of a Shoot. */
export const shootSchema = complete(
  'A cluster grown for a user.',
  {
    ...objectFields,
    spec: shootSpecSchema,
    status: optional(shootStatusSchema),
  },
  rules(
    { rule: "!self.metadata.name.contains('--')", message: 'metadata.name may not contain two dashes in a row' },
    {
      rule: `size(self.metadata.name) < ${longestProjectAndShootName}`,
      message: `names of project and Shoot have at most ${longestProjectAndShootName} letters together`,
    },
  ),
)

/** A cluster grown for a user. */
export type Shoot = Static<typeof shootSchema>
export type ShootSpec = Static<typeof shootSpecSchema>
export type ShootKubernetes = Static<typeof kubernetesSchema>
export type ShootNetworking = Static<typeof networkingSchema>
export type ShootProvider = Static<typeof providerSchema>

/** Where shoots are served. */
export const shoots: Resource<Shoot> = {
  group: gardenGroup,
  version: gardenVersion,
  kind: 'Shoot',
  plural: 'shoots',
  namespaced: true,
}

/** The definition of the kind Shoot. */
export const shootDefinition: CustomResource<Shoot> = {
  resource: shoots,
  singular: 'shoot',
  shortNames: [],
  description: 'A cluster grown for a user: its control plane runs in a seed, its nodes are machines at a cloud.',
  schema: shootSchema,
  status: true,
  columns: [
    column('CloudProfile', '.spec.cloudProfile.name', 'The cloud profile.', 1),
    column('Provider', '.spec.provider.type', 'The cloud.'),
    column('Region', '.spec.region', 'The region.'),
    column('Seed', '.status.seedName', 'The seed that runs the control plane.', 1),
    column('K8S Version', '.spec.kubernetes.version', 'The version of Kubernetes.'),
    column('Purpose', '.spec.purpose', 'What the cluster is for.', 1),
    column('Operation', '.status.lastOperation.type', 'What is being done.'),
    column('State', '.status.lastOperation.state', 'How it stands.'),
    {
      name: 'Progress',
      type: 'integer',
      jsonPath: '.status.lastOperation.progress',
      description: 'How far it is, in percent.',
    },
    conditionColumn('APIServer', shootConditionTypes.apiServerAvailable),
    conditionColumn('Control', shootConditionTypes.controlPlaneHealthy),
    conditionColumn('Nodes', shootConditionTypes.everyNodeReady),
    conditionColumn('System', shootConditionTypes.systemComponentsHealthy),
    ageColumn,
  ],
}

function column(name: string, jsonPath: string, description: string, priority: 0 | 1 = 0): PrinterColumn {
  return { name, type: 'string', jsonPath, description, priority }
}

function conditionColumn(name: string, type: string): PrinterColumn {
  return column(name, `.status.conditions[?(@.type=="${type}")].status`, `Condition ${type}.`)
}
