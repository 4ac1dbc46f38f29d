import type * as Sdk from '@aws-sdk/client-iam'
import { present, readTags } from '@trellis/cloudprovider/aws/answers'
import {
  type AwsCaller,
  type AwsConnectionOptions,
  clientConfiguration,
  createCaller,
} from '@trellis/cloudprovider/aws/caller'
import { isFailure } from '@trellis/foundation/failure'
import type { IdentityClient } from './network-types.ts'

type Caller = AwsCaller<Sdk.IAMClient, typeof Sdk>

/** Connects to IAM; nothing is loaded or sent before the first call. */
export function createIdentityCaller(options: AwsConnectionOptions): Caller {
  return createCaller(options, async () => {
    const sdk = await import('@aws-sdk/client-iam')
    return { sdk, client: new sdk.IAMClient(await clientConfiguration(options, 'iam')) }
  })
}

/** IAM through its SDK; calls end when the signal aborts. */
export function createIdentityClient(caller: Caller, signal: AbortSignal): IdentityClient {
  return { ...roleCalls(caller, signal), ...profileCalls(caller, signal) }
}

type RoleCalls = Pick<IdentityClient, 'role' | 'createRole' | 'removeRole' | 'policy' | 'setPolicy' | 'removePolicy'>

function roleCalls({ call }: Caller, signal: AbortSignal): RoleCalls {
  return {
    role: async (RoleName) => {
      const answer = await unlessAbsent(
        call('GetRole', 'read', ({ client, sdk }, options) =>
          client.send(new sdk.GetRoleCommand({ RoleName }), options),
        ),
      )
      if (answer === undefined) return undefined
      const { Arn, Tags } = present('GetRole', 'a role', answer.Role)
      return { arn: present('GetRole', 'an ARN', Arn), tags: readTags(Tags) }
    },
    createRole: async (RoleName, AssumeRolePolicyDocument, tags) => {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
      await call(
        'CreateRole',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument, Tags }), options),
        signal,
      )
    },
    removeRole: async (RoleName) => {
      const gone = call(
        'DeleteRole',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.DeleteRoleCommand({ RoleName }), options),
        signal,
      )
      await unlessAbsent(gone)
    },
    policy: async (RoleName, PolicyName) => {
      const answer = await unlessAbsent(
        call('GetRolePolicy', 'read', ({ client, sdk }, options) =>
          client.send(new sdk.GetRolePolicyCommand({ RoleName, PolicyName }), options),
        ),
      )
      return answer === undefined ? undefined : decodeURIComponent(answer.PolicyDocument ?? '')
    },
    setPolicy: async (RoleName, PolicyName, PolicyDocument) => {
      await call(
        'PutRolePolicy',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }), options),
        signal,
      )
    },
    removePolicy: async (RoleName, PolicyName) => {
      const gone = call(
        'DeleteRolePolicy',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.DeleteRolePolicyCommand({ RoleName, PolicyName }), options),
        signal,
      )
      await unlessAbsent(gone)
    },
  }
}

type ProfileCalls = Pick<IdentityClient, 'profile' | 'createProfile' | 'addRole' | 'dropRole' | 'removeProfile'>

function profileCalls({ call }: Caller, signal: AbortSignal): ProfileCalls {
  return {
    profile: async (InstanceProfileName) => {
      const answer = await unlessAbsent(
        call('GetInstanceProfile', 'read', ({ client, sdk }, options) =>
          client.send(new sdk.GetInstanceProfileCommand({ InstanceProfileName }), options),
        ),
      )
      if (answer === undefined) return undefined
      const { Arn, Roles = [] } = present('GetInstanceProfile', 'a profile', answer.InstanceProfile)
      return {
        arn: present('GetInstanceProfile', 'an ARN', Arn),
        roles: Roles.flatMap(({ RoleName }) => RoleName ?? []),
      }
    },
    createProfile: async (InstanceProfileName, tags) => {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
      await call(
        'CreateInstanceProfile',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.CreateInstanceProfileCommand({ InstanceProfileName, Tags }), options),
        signal,
      )
    },
    addRole: async (InstanceProfileName, RoleName) => {
      await call(
        'AddRoleToInstanceProfile',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName }), options),
        signal,
      )
    },
    dropRole: async (InstanceProfileName, RoleName) => {
      const gone = call(
        'RemoveRoleFromInstanceProfile',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName }), options),
        signal,
      )
      await unlessAbsent(gone)
    },
    removeProfile: async (InstanceProfileName) => {
      const gone = call(
        'DeleteInstanceProfile',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.DeleteInstanceProfileCommand({ InstanceProfileName }), options),
        signal,
      )
      await unlessAbsent(gone)
    },
  }
}

async function unlessAbsent<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined
    throw error
  }
}
