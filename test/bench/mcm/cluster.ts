import { findCondition } from '@trellis/api/conditions'
import { namespaces } from '@trellis/api/core/configuration'
import { customResourceDefinitions } from '@trellis/api/core/extension'
import { customResourceDefinition } from '@trellis/api/generate/custom-resource-definition'
import { definitions } from '@trellis/api/generate/kinds'
import { machineGroup } from '@trellis/api/machine/common'
import type { Condition, KubernetesObject, Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { kubeconfigText } from '@trellis/kubernetes/testing/control-plane-arguments'
import { waitFor } from '@trellis/kubernetes/wait'
import { createRequestCounter, flowSchemasOf, managerAccount, type RequestCounter } from './requests.ts'

/** A real API server that knows the machine kinds, and tells the manager's requests from everybody else's. */
export interface BenchCluster extends AsyncDisposable {
  /** The benchmark's own client. */
  readonly client: Client
  /** The kubeconfig of the manager, which is a service account as in a cluster. */
  readonly managerKubeconfig: string
  readonly requests: RequestCounter
  /** Makes a namespace. */
  namespace(name: string): Promise<string>
}

interface FlowSchema extends KubernetesObject {
  spec: object
  status?: { conditions?: Condition[] }
}

const flowSchemas: Resource<FlowSchema> = {
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  namespaced: false,
}
const clusterRoleBindings: Resource<KubernetesObject> = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
}
const serviceAccounts: Resource<KubernetesObject> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
}

/** Time for anything to be taken up by a fresh API server on a loaded machine. */
const takeUpMilliseconds = 60_000

/** Starts the cluster. */
export async function startBenchCluster(clock: Clock, random: Random): Promise<BenchCluster> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startTestControlPlane({ clock, random }))
  const { client } = server
  const namespace = async (name: string) => {
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    return name
  }
  await namespace(managerAccount.namespace)
  await client.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: managerAccount })
  await client.create(clusterRoleBindings, managerRights())
  await teachMachines({ client, clock, random })
  await separateFlows({ client, clock, random })
  const owned = stack.move()
  return {
    client,
    managerKubeconfig: kubeconfigText(server.url, server.certificateAuthority, await tokenOf(server)),
    requests: createRequestCounter(client),
    namespace,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

interface Ports {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
}

async function teachMachines(ports: Ports): Promise<void> {
  for (const definition of definitions.filter(({ resource }) => resource.group === machineGroup)) {
    const { metadata } = await ports.client.create(customResourceDefinitions, customResourceDefinition(definition))
    await waitFor({
      ...ports,
      resource: customResourceDefinitions,
      key: { name: metadata.name },
      until: (object) => findCondition(object?.status?.conditions, 'Established')?.status === 'True',
      timeoutMilliseconds: takeUpMilliseconds,
    })
  }
}

async function separateFlows(ports: Ports): Promise<void> {
  for (const { name, spec } of flowSchemasOf()) {
    await ports.client.create(flowSchemas, {
      apiVersion: `${flowSchemas.group}/${flowSchemas.version}`,
      kind: flowSchemas.kind,
      metadata: { name },
      spec,
    })
    await waitFor({
      ...ports,
      resource: flowSchemas,
      key: { name },
      until: (object) => findCondition(object?.status?.conditions, 'Dangling')?.status === 'False',
      timeoutMilliseconds: takeUpMilliseconds,
    })
  }
}

/** Every right: what rights the chart gives is tested with the chart. */
function managerRights(): KubernetesObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: managerAccount.name },
    ...{ roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' } },
    ...{ subjects: [{ kind: 'ServiceAccount', ...managerAccount }] },
  }
}

async function tokenOf({ client }: TestControlPlane): Promise<string> {
  const { name, namespace } = managerAccount
  const { body } = await client.request({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 86_400 } },
  })
  return (JSON.parse(body) as { status: { token: string } }).status.token
}
