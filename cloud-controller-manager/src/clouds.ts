import { type CloudEndpoints, endpointsOf } from '@trellis/cloudprovider/contract/cloud-endpoints'
import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import type { Clock } from '@trellis/foundation/clock'
import type { Registry } from 'prom-client'
import { readSecretFiles } from './secret-files.ts'

/** What clouds are reached with. */
export interface CloudPorts {
  readonly clock: Clock
  readonly registry: Registry
}

/** What the command line says about the cloud; what a cloud does not need is empty. */
export interface CloudSettings {
  /** Directory with the keys of the Secret `cloud-credentials` as files. */
  readonly credentialsDirectory: string
  readonly clusterName: string
  readonly network: string
  readonly region: string
  /** Who makes load balancers, where a cloud has several makers. */
  readonly loadBalancerProvider: string
  readonly endpoints: CloudEndpoints
}

/** One kind of cloud. */
interface Cloud {
  /** Flags that it cannot do without. */
  readonly needs: readonly ('network' | 'region')[]
  readonly open: (ports: CloudPorts, settings: CloudSettings) => Promise<CloudNetwork & Disposable>
}

/** Every cloud, by the `spec.provider.type` of its Shoots. One more is an entry here. Each is loaded only when it is asked for: a process pays for no other SDK than its own. */
const clouds = {
  local: { needs: ['network'], open: openLocal },
  aws: { needs: ['region'], open: openAws },
  openstack: { needs: ['network', 'region'], open: openOpenStack },
  gcp: { needs: ['network'], open: openGoogle },
} satisfies Readonly<Record<string, Cloud>>

/** Name of a cloud. */
export type CloudName = keyof typeof clouds

/** Names of all clouds. */
export const cloudNames = Object.keys(clouds) as readonly CloudName[]

/** Flags that a cloud cannot do without. */
export function neededFlags(name: CloudName): readonly ('network' | 'region')[] {
  return clouds[name].needs
}

/** Loads a cloud and binds it to the cluster. `Invalid` for credentials or addresses that cannot be its. */
export function openCloud(
  name: CloudName,
  ports: CloudPorts,
  settings: CloudSettings,
): Promise<CloudNetwork & Disposable> {
  const { open }: Cloud = clouds[name]
  return open(ports, settings)
}

async function openLocal(_ports: CloudPorts, settings: CloudSettings): Promise<CloudNetwork & Disposable> {
  const { credentialsDirectory, network, clusterName, endpoints } = settings
  endpointsOf('local', [], endpoints)
  const [{ createCloudClient }, { createLocalCloudNetwork }, { readCredentialsDirectory }] = await Promise.all([
    import('@trellis/cloudprovider/local/client'),
    import('@trellis/cloudprovider/local/cloud-network'),
    import('@trellis/cloudprovider/local/credentials-directory'),
  ])
  const client = createCloudClient(await readCredentialsDirectory(credentialsDirectory))
  return {
    ...createLocalCloudNetwork({ client, network, clusterName }),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  }
}

async function openAws({ clock, registry }: CloudPorts, settings: CloudSettings): Promise<CloudNetwork & Disposable> {
  const { credentialsDirectory, region, clusterName } = settings
  const [{ createAwsCloudNetwork }, { awsServices }] = await Promise.all([
    import('@trellis/cloudprovider/aws/cloud-network'),
    import('@trellis/cloudprovider/aws/caller'),
  ])
  const endpoints = endpointsOf('AWS', awsServices, settings.endpoints)
  const secret = await readSecretFiles(credentialsDirectory)
  return createAwsCloudNetwork({ clock, registry, region, clusterName, endpoints, secret })
}

async function openOpenStack(
  { clock, registry }: CloudPorts,
  { credentialsDirectory, region, clusterName, network, endpoints, loadBalancerProvider }: CloudSettings,
): Promise<CloudNetwork & Disposable> {
  endpointsOf('OpenStack', [], endpoints)
  const { createOpenStackCloudNetwork } = await import('@trellis/cloudprovider/openstack/cloud-network')
  const secret = await readSecretFiles(credentialsDirectory)
  const provider = loadBalancerProvider === '' ? {} : { loadBalancerProvider }
  return createOpenStackCloudNetwork({ clock, registry, region, clusterName, secret, router: network, ...provider })
}

async function openGoogle(
  { clock, registry }: CloudPorts,
  { credentialsDirectory, clusterName, network, endpoints }: CloudSettings,
): Promise<CloudNetwork & Disposable> {
  endpointsOf('GCP', [], endpoints)
  const { createGoogleCloudNetwork } = await import('@trellis/cloudprovider/gcp/cloud-network')
  const secret = await readSecretFiles(credentialsDirectory)
  // It keeps no connection open.
  return { ...createGoogleCloudNetwork({ clock, registry, clusterName, network, secret }), [Symbol.dispose]: () => {} }
}
