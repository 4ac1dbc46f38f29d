import type { AwsConnectionOptions, AwsEndpoints } from '@trellis/cloudprovider/aws/caller'
import { parseCredentials } from '@trellis/cloudprovider/aws/credentials'
import { createEc2Caller } from '@trellis/cloudprovider/aws/ec2-caller'
import { createAwsBudgets } from '@trellis/cloudprovider/aws/places'
import type { CallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { InfrastructureEngine, InfrastructureOutputs, InfrastructureRequest } from '../engine.ts'
import { createBalancerClient } from './balancer-client.ts'
import { type InfrastructureConfig, parseConfiguration } from './configuration.ts'
import { applyParts, destroyParts } from './flow.ts'
import { createIdentityCaller, createIdentityClient } from './identity-client.ts'
import { keys, zoneKeys } from './names.ts'
import { createNetworkClient } from './network-client.ts'
import type { AwsClients } from './network-types.ts'
import { identityName } from './tasks/identity.ts'
import { keyPairName, sshKeyField } from './tasks/key-pair.ts'
import { openWorld, type World } from './world.ts'

/** What the engine works with. */
export interface AwsInfrastructureOptions {
  readonly clock: Clock
  readonly random: Random
  /** For clouds that speak the same API; AWS's own unless told. */
  readonly endpoints?: AwsEndpoints
  /** Budgets of accounts, when others share them. */
  readonly budgets?: CallBudgets
  /** Stands between the engine and AWS, for tests of faults. */
  readonly wrapClients?: (clients: AwsClients) => AwsClients
}

/**
 * Infrastructure of shoots at AWS. Outputs: `vpc`, `securityGroup`, `instanceProfile`, `keyName` (with a key for SSH in the secret only), and for each zone
 * `subnet/<zone>`, `subnet/<zone>/public` and `subnet/<zone>/internal`.
 */
export function createAwsInfrastructure(options: AwsInfrastructureOptions): InfrastructureEngine {
  const { clock, random, endpoints = {}, budgets = createAwsBudgets({ clock }) } = options
  const inWorld = async <Answer>(
    request: InfrastructureRequest,
    planOnly: boolean,
    work: (world: World) => Promise<Answer>,
  ): Promise<Answer> => {
    const { region, signal, secret } = request
    const credentials = parseCredentials(secret)
    using clients = connect({ clock, region, credentials, budgets, metrics: noCallMetrics, endpoints }, signal)
    const wrapped = options.wrapClients?.(clients) ?? clients
    return work(await openWorld({ request, clients: wrapped, clock, planOnly }))
  }
  return {
    apply: async (request) => {
      const config = parseConfiguration(request)
      return inWorld(request, false, async (world) => {
        await applyParts(world, config, random)
        return outputsOf(world, config)
      })
    },
    plan: async (request) => {
      const config = parseConfiguration(request)
      return inWorld(request, true, async (world) => {
        await applyParts(world, config, random)
        return world.changes
      })
    },
    destroy: (request) => inWorld(request, false, (world) => destroyParts(world, random)),
  }
}

function connect(options: AwsConnectionOptions, signal: AbortSignal): AwsClients & Disposable {
  const [network, identity] = [createEc2Caller(options), createIdentityCaller(options)]
  const balancers = createBalancerClient(options, signal)
  return {
    network: createNetworkClient(network, signal),
    identity: createIdentityClient(identity, signal),
    balancers,
    [Symbol.dispose]: () => {
      for (const one of [network, identity, balancers]) one[Symbol.dispose]()
    },
  }
}

function outputsOf(world: World, { networks: { zones } }: InfrastructureConfig): InfrastructureOutputs {
  const { technicalId, secret } = world.request
  const publicKey = secret[sshKeyField]?.trim() ?? ''
  const subnets = zones.flatMap(({ name }) => {
    const { subnet } = zoneKeys(name)
    return [
      [`subnet/${name}`, world.idOf(subnet('workers'))],
      [`subnet/${name}/public`, world.idOf(subnet('public'))],
      [`subnet/${name}/internal`, world.idOf(subnet('internal'))],
    ] as const
  })
  return {
    vpc: world.idOf(keys.vpc),
    securityGroup: world.idOf(keys.group),
    instanceProfile: identityName(technicalId),
    ...(publicKey === '' ? {} : { keyName: keyPairName(technicalId, publicKey) }),
    ...Object.fromEntries(subnets),
  }
}
