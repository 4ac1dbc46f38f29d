import { secrets } from '@trellis/api/core/configuration'
import type { Machine } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineLabels } from '@trellis/api/machine/well-known'
import { isFailure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import type { Informer } from '@trellis/kubernetes/informer'
import type { ShootInfrastructure } from '../infrastructure/shoot-infrastructure.ts'
import { decodeSecret } from '../secrets/secret-store.ts'
import { cloudCredentialsName } from '../tasks/cloud-credentials.ts'
import type { KnownServer } from './decide-serving-certificate.ts'

/** What looking servers up needs. */
export interface ServerFinderOptions {
  readonly seed: Client
  readonly technicalId: string
  readonly machines: Pick<Informer<Machine>, 'list'>
  readonly infrastructure: Pick<ShootInfrastructure, 'connection'>
}

/**
 * Looks the server behind a node up at the cloud: by the machine that was made to be this node, with its class and the shoot's credentials. Undefined when
 * there is no such machine or it has no server (yet).
 */
export function createServerFinder(
  options: ServerFinderOptions,
): (node: string, signal: AbortSignal) => Promise<KnownServer | undefined> {
  const { seed, technicalId: namespace, machines, infrastructure } = options
  return async (node, signal) => {
    const machine = machines.list().find(({ metadata }) => metadata.labels?.[machineLabels.node] === node)
    const className = machine?.spec?.class?.name
    if (machine === undefined || className === undefined) return undefined
    const [machineClass, secret, { driver }] = await Promise.all([
      seed.find(machineClasses, { namespace, name: className }),
      seed.find(secrets, { namespace, name: cloudCredentialsName }),
      infrastructure.connection(),
    ])
    if (machineClass === undefined || secret === undefined) return undefined
    const { providerID } = machine.spec ?? {}
    const request = {
      machineName: machine.metadata.name,
      providerSpec: machineClass.providerSpec,
      secret: decodeSecret(secret),
      ...(providerID === undefined ? {} : { providerId: providerID }),
    }
    try {
      const server = await driver.getMachineStatus(request, { signal })
      return { addresses: server.addresses.filter(isIpAddress).map(({ address }) => address) }
    } catch (error) {
      if (isFailure(error, 'NotFound')) return undefined
      throw error
    }
  }
}

function isIpAddress({ type }: { readonly type: string }): boolean {
  return type === 'InternalIP' || type === 'ExternalIP'
}
