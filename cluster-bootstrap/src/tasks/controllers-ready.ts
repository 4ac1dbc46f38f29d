import { type Deployment, deployments } from '@trellis/api/core/workload'
import type { Task } from '@trellis/flow/task'
import { isDeploymentAvailable } from '../shoot/workloads.ts'
import { waitFor } from '../wait.ts'
import { patiently, type ShootServices, waitLimitMilliseconds } from './services.ts'

/** Waits until every deployment of the control namespace runs. */
export const controllersReady: Task<ShootServices> = {
  id: 'controllers-ready',
  dependsOn: ['control-plane', 'machine-controller'],
  retry: patiently,
  timeoutMilliseconds: waitLimitMilliseconds,
  run: ({ services: { seed, blueprint }, signal, note }) =>
    waitFor<Deployment, true>({
      client: seed,
      resource: deployments,
      selection: { namespace: blueprint.technicalId },
      signal,
      note,
      judge: (found) => {
        const waiting = found.filter((one) => !isDeploymentAvailable(one)).map((one) => one.metadata.name)
        return waiting.length === 0 ? { value: true } : { missing: `waiting for ${waiting.join(', ')}` }
      },
    }),
}
