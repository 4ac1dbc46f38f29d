import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { namespaces } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { type Pod, pods } from '@trellis/api/core/pod'
import { services } from '@trellis/api/core/service'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { eventually } from 'node-wireguard/testing/eventually'
import { expect, it } from 'vitest'
import { golden } from '../../testing/golden.ts'
import type { Destinations } from './destinations.ts'
import { followDestinations } from './follow.ts'
import { doorLabel, publicKeysAnnotation, serverNamesAnnotation } from './services.ts'

const namespace = 'shoot--local--first'

/** A Service of a control namespace, as whoever wants to be led to makes it, and a node for its pods. */
async function makeService({ client }: TestControlPlane): Promise<void> {
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node' } })
  await client.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...{ name: 'kube-apiserver', namespace, labels: { [doorLabel]: 'true' } },
      annotations: { [publicKeysAnnotation]: golden.responder, [serverNamesAnnotation]: 'api.first.local' },
    },
    spec: {
      selector: { app: 'kube-apiserver' },
      ports: [
        { name: 'tunnel', port: 51_820, protocol: 'UDP' },
        { name: 'tls', port: 443, targetPort: 6443, protocol: 'TCP' },
      ],
    },
  })
}

/** A pod behind it at this address; no kubelet looks after it. */
async function makePod({ client }: TestControlPlane, name: string, podIP: string): Promise<void> {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: 'kube-apiserver' } },
    spec: { nodeName: 'node', automountServiceAccountToken: false, containers: [{ name: 'one', image: 'one:1' }] },
  }
  await eventually('a service account for pods', () => client.create(pods, pod))
  const status = {
    phase: 'Running',
    podIP,
    podIPs: [{ ip: podIP }],
    conditions: [{ type: 'Ready', status: 'True' }],
  }
  await client.patch(pods, { name, namespace }, { status }, { type: 'strategic', subresource: 'status' })
}

it('what a cluster has of labelled Services is where the door leads', async () => {
  await using plane = await startTestControlPlane({ withControllerManager: true })
  await using directory = await createTemporaryDirectory()
  const kubeconfig = join(directory.path, 'kubeconfig')
  await writeFile(kubeconfig, plane.kubeconfig, { mode: 0o400 })
  await makeService(plane)
  let told: readonly Destinations[] = []
  await using _ = await followDestinations(
    {
      clock: createSystemClock(),
      random: createSystemRandom(),
      log: createSilentLog(),
      signal: new AbortController().signal,
    },
    { services: { kubeconfig } },
    (sources) => {
      told = sources
    },
  )
  const places = () => told.flatMap(({ tunnels }) => tunnels.map(({ target }) => `${target.address} ${target.port}`))
  const until = (wanted: string) => eventually(wanted, () => (places().join() === wanted ? true : undefined), 30_000)
  expect(told).toHaveLength(1)
  await makePod(plane, 'first', '10.1.0.2')
  await until('10.1.0.2 51820')
  expect(told).toMatchObject([
    {
      tunnels: [{ name: `${namespace}/kube-apiserver`, publicKeys: [golden.responder] }],
      servers: [{ serverNames: ['api.first.local'], targets: [{ address: '10.1.0.2', port: 6443 }] }],
    },
  ])
  await plane.restartApiServer()
  expect(places()).toEqual(['10.1.0.2 51820'])
  await makePod(plane, 'second', '10.1.0.3')
  await plane.client.delete(pods, { name: 'first', namespace }, { gracePeriodSeconds: 0 })
  await until('10.1.0.3 51820')
})
