import { isDeepStrictEqual } from 'node:util'
import { Failure } from '@trellis/foundation/failure'
import type { InfrastructureConfig } from '../configuration.ts'
import { clusterTag, keys, tagsOf } from '../names.ts'
import type { World } from '../world.ts'
import type { InfrastructureTask } from './task.ts'

/** Name of the role, the policy and the instance profile of a cluster's machines. */
export function identityName(technicalId: string): string {
  return `${technicalId}-nodes`
}

/** The role of machines, what it may do, and the profile through which they bear it. */
export const identity: InfrastructureTask = {
  id: 'identity',
  // Nothing is made for a VPC that is not there.
  dependsOn: ['vpc'],
  apply: async (world, config) => {
    const name = identityName(world.request.technicalId)
    await ensureRole(world, name)
    await ensurePolicy(world, name, policyDocument(config))
    await ensureProfile(world, name)
  },
  destroy: async (world) => {
    const { identity: client } = world.clients
    const name = identityName(world.request.technicalId)
    const role = await client.role(name)
    const profile = await client.profile(name)
    const isOurs = role === undefined || role.tags[clusterTag(world.request.technicalId)] !== undefined
    if (!isOurs) return
    if (profile !== undefined) {
      await world.change({ action: 'delete', what: keys.profile }, async () => {
        if (profile.roles.includes(name)) await client.dropRole(name, name)
        await client.removeProfile(name)
      })
    }
    await world.record(keys.profile, undefined)
    if (role !== undefined) {
      await world.change({ action: 'delete', what: keys.role }, async () => {
        await client.removePolicy(name, name)
        await client.removeRole(name)
      })
    }
    await world.record(keys.role, undefined)
  },
}

const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
})

/** What machines may do: look at machines, and pull images. */
export function policyDocument({ enableECRAccess = true }: InfrastructureConfig): object {
  const pull = [
    'ecr:GetAuthorizationToken',
    'ecr:BatchCheckLayerAvailability',
    'ecr:GetDownloadUrlForLayer',
    'ecr:BatchGetImage',
  ]
  const look = { Effect: 'Allow', Action: ['ec2:DescribeInstances'], Resource: ['*'] }
  return {
    Version: '2012-10-17',
    Statement: enableECRAccess ? [look, { Effect: 'Allow', Action: pull, Resource: ['*'] }] : [look],
  }
}

async function ensureRole(world: World, name: string): Promise<void> {
  const { technicalId } = world.request
  const present = await world.clients.identity.role(name)
  if (present === undefined) {
    await world.change({ action: 'create', what: keys.role }, () =>
      world.clients.identity.createRole(name, trust, tagsOf(technicalId, keys.role)),
    )
  } else if (present.tags[clusterTag(technicalId)] === undefined) {
    throw new Failure('Invalid', `the account has a role ${name} that is not the cluster's`, {
      remedy: 'delete it or give it another name',
    })
  }
  await world.record(keys.role, name)
}

async function ensurePolicy(world: World, name: string, wanted: object): Promise<void> {
  const present = await world.clients.identity.policy(name, name)
  if (present !== undefined && isDeepStrictEqual(readJson(present), wanted)) return
  const action = present === undefined ? 'create' : 'update'
  await world.change({ action, what: keys.policy, field: 'document' }, () =>
    world.clients.identity.setPolicy(name, name, JSON.stringify(wanted)),
  )
}

async function ensureProfile(world: World, name: string): Promise<void> {
  const { identity: client } = world.clients
  const present = await client.profile(name)
  if (present === undefined) {
    await world.change({ action: 'create', what: keys.profile }, () =>
      client.createProfile(name, tagsOf(world.request.technicalId, keys.profile)),
    )
  }
  await world.record(keys.profile, name)
  if (present?.roles.includes(name)) return
  await world.change({ action: 'update', what: keys.profile, field: 'role' }, () => client.addRole(name, name))
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
