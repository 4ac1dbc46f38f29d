import { defineFlow, type Flow } from '@trellis/flow/define-flow'
import type { Task } from '@trellis/flow/task'
import type { InfrastructureContext } from './context.ts'
import type { InfrastructureTask } from './task.ts'
import { clusterLeftovers } from './tasks/cluster-leftovers.ts'
import { externalNetwork } from './tasks/external-network.ts'
import { keyPair } from './tasks/key-pair.ts'
import { network } from './tasks/network.ts'
import { router } from './tasks/router.ts'
import { routerInterface } from './tasks/router-interface.ts'
import { securityGroup } from './tasks/security-group.ts'
import { subnet } from './tasks/subnet.ts'

/** All parts of a cluster's infrastructure at OpenStack. */
export const infrastructureTasks: readonly InfrastructureTask[] = [
  externalNetwork,
  router,
  network,
  subnet,
  routerInterface,
  securityGroup,
  keyPair,
  clusterLeftovers,
]

/** Makes every part after those that it depends on. */
export const applyFlow: Flow<InfrastructureContext> = defineFlow(
  'openstack-infrastructure',
  infrastructureTasks.map(
    ({ what, dependsOn, apply }): Task<InfrastructureContext> => ({
      id: what,
      dependsOn,
      run: ({ services }) => apply(services),
    }),
  ),
)

/** Takes every part away after those that depend on it. */
export const destroyFlow: Flow<InfrastructureContext> = defineFlow(
  'openstack-infrastructure-destruction',
  infrastructureTasks.map(
    ({ what, destroy }): Task<InfrastructureContext> => ({
      id: what,
      dependsOn: infrastructureTasks.filter(({ dependsOn }) => dependsOn.includes(what)).map((one) => one.what),
      run: ({ services }) => destroy(services),
    }),
  ),
)
