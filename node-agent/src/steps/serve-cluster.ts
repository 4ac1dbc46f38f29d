import type { AgentContext } from '../context.ts'
import { approveServingCertificates } from '../controllers/serving-certificates.ts'
import { provideVolumes } from '../controllers/volumes.ts'
import { type AppliedObject, clusterObjects } from '../render/cluster-objects.ts'
import type { Step } from '../runner.ts'

/** Gives the one-node cluster what others get from their provider: rights of its own parts, volumes on the machine's disk, and serving certificates. */
export function serveCluster(context: AgentContext): Step {
  const { background, client, configuration } = context
  let serving = false
  return {
    name: 'serve-cluster',
    after: ['create-cluster'],
    run: async (signal) => {
      const apply = ({ path, object }: AppliedObject) =>
        client.call({
          method: 'PATCH',
          path: `${path}?fieldManager=trellis-node-agent&force=true`,
          contentType: 'application/apply-patch+yaml',
          body: object,
          signal,
        })
      await Promise.all(clusterObjects(configuration.controlPlane?.defaultStorageClass ?? 'default').map(apply))
      if (serving) return
      serving = true
      background('serving-certificates', (ending) => approveServingCertificates(context, ending))
      background('volumes', (ending) => provideVolumes(context, ending))
    },
  }
}
