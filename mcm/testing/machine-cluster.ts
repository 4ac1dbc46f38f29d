import { findCondition } from '@trellis/api/conditions'
import { namespaces } from '@trellis/api/core/configuration'
import { customResourceDefinitions } from '@trellis/api/core/extension'
import { customResourceDefinition } from '@trellis/api/generate/custom-resource-definition'
import { definitions } from '@trellis/api/generate/kinds'
import { machineGroup } from '@trellis/api/machine/common'
import {
  startTestControlPlane,
  type TestControlPlane,
  type TestControlPlaneOptions,
} from '@trellis/kubernetes/testing/control-plane'
import { expect, vi } from 'vitest'

/** A real API server that knows the machine kinds. */
export interface MachineCluster extends TestControlPlane {
  /** Makes a namespace. */
  namespace(name: string): Promise<string>
}

/** Starts an API server and teaches it the machine kinds. */
export async function startMachineCluster(options: TestControlPlaneOptions = {}): Promise<MachineCluster> {
  const server = await startTestControlPlane(options)
  const manifests = definitions.filter(({ resource }) => resource.group === machineGroup).map(customResourceDefinition)
  await Promise.all(manifests.map((manifest) => server.client.create(customResourceDefinitions, manifest)))
  for (const { metadata } of manifests) {
    await vi.waitFor(
      async () => {
        const { status } = await server.client.get(customResourceDefinitions, metadata)
        expect(findCondition(status?.conditions, 'Established')?.status).toBe('True')
      },
      { timeout: 60_000 },
    )
  }
  return Object.assign(server, {
    namespace: async (name: string) => {
      await server.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
      return name
    },
  })
}
