import type { InfrastructureEngine, InfrastructureOutputs, InfrastructureRequest } from '../engine.ts'
import { parseConfiguration } from './configuration.ts'
import { createGoogleClients, type GoogleInfrastructureOptions } from './connect-client.ts'
import { applyAll, destroyAll, planAll } from './flow.ts'
import { namesOf } from './names.ts'
import { createNotebook, type Scene } from './scene.ts'
import { networkOf } from './tasks/keep.ts'
import { emailOf } from './tasks/service-account.ts'

/** Makes the engine for Google Cloud. It keeps nothing between runs but what it learnt of how hard accounts may be called. */
export function createGoogleInfrastructure(options: GoogleInfrastructureOptions): InfrastructureEngine {
  const connect = createGoogleClients(options)
  const open = (request: InfrastructureRequest): Scene => {
    const names = namesOf(request.technicalId)
    const wanted = parseConfiguration(request.configuration, request.networks.nodes)
    return { client: connect(request), wanted, names, request, ...createNotebook(request) }
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
