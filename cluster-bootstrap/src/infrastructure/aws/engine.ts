import type { InfrastructureEngine, InfrastructureOutputs } from '../engine.ts'
import { type InfrastructureConfig, parseConfiguration } from './configuration.ts'
import { applyParts, destroyParts } from './flow.ts'
import { keys, zoneKeys } from './names.ts'
import { identityName } from './tasks/identity.ts'
import { keyPairName, sshKeyField } from './tasks/key-pair.ts'
import type { World } from './world.ts'
import { type AwsInfrastructureOptions, createWorlds } from './worlds.ts'

/**
 * Infrastructure of shoots at AWS. Outputs: `vpc`, `securityGroup`, `instanceProfile`, `keyName` (with a key for SSH in the secret only), and for each zone
 * `subnet/<zone>`, `subnet/<zone>/public` and `subnet/<zone>/internal`.
 */
export function createAwsInfrastructure(options: AwsInfrastructureOptions): InfrastructureEngine {
  const { random } = options
  const inWorld = createWorlds(options)
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
