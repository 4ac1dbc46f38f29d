import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { createAddressBook } from './address-book.ts'
import type { Services } from './api-routes.ts'
import { coreAddress } from './cloud-network.ts'
import type { Configuration } from './configuration.ts'
import type { HostNetwork } from './host-network.ts'
import { createImages } from './images.ts'
import { createKeyedLock } from './keyed-lock.ts'
import { createLoadBalancerService } from './load-balancer-service.ts'
import type { MachineHost } from './machine-host.ts'
import { idInNamespace, type Places } from './names.ts'
import { createNetworkService } from './network-service.ts'
import { createNetworker } from './networker.ts'
import type { Limits } from './quota.ts'
import { createServerLifecycle } from './server-lifecycle.ts'
import { createServerService } from './server-service.ts'
import type { ServiceContext } from './service-context.ts'
import type { Store } from './store.ts'

/** The version of the API and of the daemon that serves it. */
export const cloudVersion = 'v1'

/** The whole cloud without the doors through which it is reached. */
export interface Cloud {
  readonly services: Services
  /** Sets up what the doors stand on. */
  prepare(): Promise<void>
  /** Makes the host be what the store says, and goes on with whatever was under way. */
  resume(): Promise<void>
  /** Looks after what happens by itself. To be called every few seconds. */
  inspect(): Promise<void>
  /** Resolves when nothing is under way in the background. */
  idle(): Promise<void>
}

/** What the cloud needs. */
export interface CloudOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  readonly store: Store
  readonly hostNetwork: HostNetwork
  readonly machines: MachineHost
  readonly configuration: Configuration
  readonly places: Places
  readonly limits: Limits
}

/** Puts the cloud together; nothing happens before the first call. */
export function createCloud(options: CloudOptions): Cloud {
  const { clock, random, log, store, configuration, machines, hostNetwork } = options
  const { instance, publicRange, metadataPort } = configuration
  const lock = createKeyedLock()
  const addresses = createAddressBook(store, publicRange)
  const images = createImages(options.places.imagesFile)
  const cloud = { instance, publicRange, metadataPort }
  const networker = createNetworker({ store, hostNetwork, runner: options.runner, lock, cloud })
  const context: ServiceContext = { clock, random, log, store, addresses, networker, publicRange, closing: new Set() }
  const loadBalancers = createLoadBalancerService(context)
  const lifecycle = createServerLifecycle({ clock, random, log, store, networker, machines, images, lock })
  const { forgetTarget } = loadBalancers
  const servers = createServerService({ context, images, machines, lifecycle, limits: options.limits, forgetTarget })
  const endpoint = `https://${coreAddress(publicRange)}:${configuration.apiPort}`
  const version = () => ({ version: cloudVersion, instance, endpoint, problems: [...store.problems()] })

  const warnOfStrangers = async () => {
    for (const namespace of await hostNetwork.namespaces()) {
      const id = idInNamespace(instance, namespace)
      if (id === undefined || store.find('server', id) !== undefined || store.find('network', id) !== undefined)
        continue
      log.warn({ namespace }, 'a network namespace of this installation has no readable record')
      for (const address of await hostNetwork.addresses(namespace)) addresses.reserve(address.split('/')[0] ?? '')
    }
  }

  return {
    services: { networks: createNetworkService(context), servers, loadBalancers, images, version },
    prepare: async () => {
      await machines.prepare()
      await networker.syncCore()
      await warnOfStrangers()
      for (const problem of store.problems()) log.error({ ...problem }, 'a state file cannot be read')
    },
    resume: async () => {
      for (const network of store.list('network')) {
        await networker
          .sync(network.id)
          .catch((error: unknown) =>
            log.error({ network: network.id, error: describe(error) }, 'a network could not be set up'),
          )
      }
      await lifecycle.resume()
    },
    inspect: () => lifecycle.inspect(),
    idle: () => lock.idle(),
  }
}
