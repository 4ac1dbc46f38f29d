import type { ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Ec2Client, Instance } from './client-types.ts'
import type { Place } from './cluster.ts'
import { describeServer, type InitialStep, pendingSteps } from './server-description.ts'

/** Does on a server what can only be done once it exists. */
export async function initializeServer(
  { cluster, spec }: Place,
  instance: Instance,
  signal?: AbortSignal,
): Promise<ProviderMachine> {
  let done = instance
  for (const step of pendingSteps(instance, spec)) {
    cluster.finder.forget(instance.id)
    await take(cluster.client, step, signal)
    done = after(done, step)
  }
  cluster.finder.note(done)
  return describeServer(done, spec)
}

async function take(client: Ec2Client, step: InitialStep, signal: AbortSignal | undefined): Promise<void> {
  try {
    if (step.kind === 'let-packets-through') await client.disableSourceDestCheck(step.interfaceId, signal)
    else await client.assignIpv6Prefixes(step.interfaceId, step.count, signal)
  } catch (error) {
    // The server exists: its interface will show too.
    if (!isFailure(error, 'NotFound')) throw error
    throw new Failure('Unavailable', `EC2 does not show the interface ${step.interfaceId} yet`, { cause: error })
  }
}

/** The server as it is after a step. */
function after(instance: Instance, step: InitialStep): Instance {
  const interfaces = instance.interfaces.map((one) => {
    if (one.id !== step.interfaceId) return one
    return step.kind === 'let-packets-through'
      ? { ...one, sourceDestCheck: false }
      : { ...one, ipv6Prefixes: one.ipv6Prefixes + step.count }
  })
  return { ...instance, interfaces }
}
