import type { CallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import { createGoogleBudgets } from '@trellis/cloudprovider/gcp/budgets'
import { connectToGoogle, type TestEndpoint } from '@trellis/cloudprovider/gcp/connection'
import { accountOf, parseCredentials } from '@trellis/cloudprovider/gcp/credentials'
import type { Clock } from '@trellis/foundation/clock'
import type { InfrastructureEngine, InfrastructureOutputs, InfrastructureRequest } from '../engine.ts'
import { createInfrastructureClient } from './client.ts'
import { parseConfiguration } from './configuration.ts'
import { applyAll, destroyAll, planAll } from './flow.ts'
import { namesOf } from './names.ts'
import { createNotebook, type Scene } from './scene.ts'
import { networkOf } from './tasks/keep.ts'
import { emailOf } from './tasks/service-account.ts'

/** What the engine needs, and what tests replace. */
export interface GoogleInfrastructureOptions {
  readonly clock: Clock
  /** A cloud of a test's own. */
  readonly endpoint?: TestEndpoint
  /** Budgets of accounts, when others share them. */
  readonly budgets?: CallBudgets
}

/** Makes the engine for Google Cloud. It keeps nothing between runs but what it learnt of how hard accounts may be called. */
export function createGoogleInfrastructure(options: GoogleInfrastructureOptions): InfrastructureEngine {
  const { clock, endpoint, budgets = createGoogleBudgets({ clock }) } = options
  const open = (request: InfrastructureRequest): Scene => {
    const names = namesOf(request.technicalId)
    const wanted = parseConfiguration(request.configuration, request.networks.nodes)
    const credentials = parseCredentials(request.secret)
    const ports = { clock, budget: budgets.of(accountOf(credentials)), metrics: noCallMetrics }
    const connection = connectToGoogle(ports, credentials, endpoint)
    const client = createInfrastructureClient(connection, request.region, request.signal)
    return { client, wanted, names, request, ...createNotebook(request) }
  }
  return {
    apply: async (request) => {
      const scene = open(request)
      await applyAll(scene)
      return outputsOf(scene)
    },
    plan: async (request) => planAll(open(request)),
    destroy: async (request) => destroyAll(open(request)),
  }
}

function outputsOf(scene: Scene): InfrastructureOutputs {
  const { names, wanted } = scene
  return {
    network: networkOf(scene),
    subnetwork: names.nodes,
    ...(wanted.internal === undefined ? {} : { internalSubnetwork: names.internal }),
    serviceAccountEmail: emailOf(scene),
  }
}
