import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CustomResourceDefinition, customResourceDefinitions } from '@trellis/api/core/extension'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { type ConnectedClient, createClient } from '@trellis/kubernetes/client'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { waitForObject } from '@trellis/kubernetes/wait'
import { parse } from 'yaml'
import { chartsDirectory, renderChart } from './render-chart.ts'
import { exampleImages } from './shoot-world.ts'

/** A real API server that is garden and seed: with Trellis's kinds, and the rights that the chart gives cluster-bootstrap. */
export interface GardenPlane extends AsyncDisposable {
  readonly plane: TestControlPlane
  /** The API server as the pod of cluster-bootstrap sees it: with the rights of the chart and no others. */
  readonly pod: { readonly client: ConnectedClient; readonly kubeconfig: string }
}

function rbac(kind: string, plural: string): Resource<KubernetesObject> {
  return { group: 'rbac.authorization.k8s.io', version: 'v1', kind, plural, namespaced: false }
}

/** Where cluster roles are served. */
export const clusterRoles = rbac('ClusterRole', 'clusterroles')

const kinds: Readonly<Record<string, Resource<KubernetesObject>>> = {
  ClusterRole: clusterRoles,
  ClusterRoleBinding: rbac('ClusterRoleBinding', 'clusterrolebindings'),
}

/** Starts one for a suite. */
export async function startGardenPlane(): Promise<GardenPlane> {
  const clock = createSystemClock()
  await using stack = new AsyncDisposableStack()
  const plane = stack.use(await startTestControlPlane())
  await installKinds(plane.client)
  const values = { images: { ...exampleImages, 'cluster-bootstrap': 'c:1' }, seed: { name: 'local' } }
  for (const manifest of await renderChart('cluster-bootstrap', 'trellis-system', values)) {
    const resource = kinds[manifest.kind]
    if (resource !== undefined) await plane.client.apply(resource, manifest as KubernetesObject)
  }
  const config = JSON.parse(plane.kubeconfig)
  config.users[0].user.as = 'system:serviceaccount:trellis-system:cluster-bootstrap'
  config.users[0].user['as-groups'] = ['system:serviceaccounts', 'system:authenticated']
  const kubeconfig = JSON.stringify(config)
  const loaded = await loadKubeconfig({ text: kubeconfig })
  const client = stack.use(createClient({ clock, kubeconfig: loaded, userAgent: 'trellis-cluster-bootstrap/0' }))
  const owned = stack.move()
  return { plane, pod: { client, kubeconfig }, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function installKinds(client: ConnectedClient): Promise<void> {
  const directory = join(chartsDirectory, 'trellis/crds')
  for (const file of await readdir(directory)) {
    const definition = parse(await readFile(join(directory, file), 'utf8')) as CustomResourceDefinition
    await client.create(customResourceDefinitions, definition)
    await waitForObject({
      client,
      clock: createSystemClock(),
      random: createSystemRandom(),
      resource: customResourceDefinitions,
      key: { name: definition.metadata.name },
      until: ({ status }) =>
        status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True') ?? false,
      timeoutMilliseconds: 30_000,
    })
  }
}
