import type { AgentContext } from './context.ts'
import type { Step } from './runner.ts'
import { createCluster } from './steps/create-cluster.ts'
import { importImages } from './steps/import-images.ts'
import { localEndpoint } from './steps/local-endpoint.ts'
import { obtainCertificate } from './steps/obtain-certificate.ts'
import { reachApiServer } from './steps/reach-api-server.ts'
import { readyNode, registerNode } from './steps/ready-node.ts'
import { serveCluster } from './steps/serve-cluster.ts'
import { startUnit } from './steps/start-unit.ts'
import { writeFiles } from './steps/write-files.ts'

/** The steps that make a machine a Ready node of its role. */
export function planSteps(context: AgentContext): readonly Step[] {
  return context.configuration.role === 'worker' ? workerSteps(context) : controlPlaneSteps(context)
}

function workerSteps(context: AgentContext): readonly Step[] {
  return [
    writeFiles(context),
    reachApiServer(context),
    startUnit(context, 'containerd', ['write-files']),
    importImages(context, ['start-containerd']),
    // After the images: pods that find none wait long before they look again.
    startUnit(context, 'kubelet', ['import-images', 'reach-api-server']),
    obtainCertificate(context),
    registerNode(context, ['obtain-certificate']),
    readyNode(context),
  ]
}

function controlPlaneSteps(context: AgentContext): readonly Step[] {
  return [
    writeFiles(context),
    localEndpoint(context),
    startUnit(context, 'containerd', ['write-files']),
    importImages(context, ['start-containerd']),
    createCluster(context, ['import-images', 'local-endpoint']),
    startUnit(context, 'kubelet', ['create-cluster']),
    serveCluster(context),
    registerNode(context, ['start-kubelet']),
    readyNode(context),
  ]
}
