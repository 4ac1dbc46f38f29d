import type { NodeAgentConfiguration } from '@trellis/api/node-agent-configuration'
import { Failure } from '@trellis/foundation/failure'
import type { HostFacts } from './host-facts.ts'

/**
 * What the node of this machine is called: as the machine, or as its cloud calls the server where whoever made the machine expects that. Throws `Unavailable`
 * while the cloud's name is not known, because a node of another name would be nobody's.
 */
export function nodeNameOf(
  { machineName, nodeName }: NodeAgentConfiguration,
  { localHostname }: Pick<HostFacts, 'localHostname'>,
): string {
  if (nodeName === undefined) return machineName
  if (nodeName.includes('{localHostname}') && localHostname === undefined) {
    throw new Failure('Unavailable', 'the instance metadata has not told what this machine is called', {
      field: 'nodeName',
      remedy: 'see /var/log/cloud-init.log',
    })
  }
  return nodeName.replaceAll('{localHostname}', localHostname ?? '').replaceAll('{machineName}', machineName)
}
