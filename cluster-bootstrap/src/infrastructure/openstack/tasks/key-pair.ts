import type { Keypair } from '@trellis/cloudprovider/openstack/resources'
import { isFailure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import type { PlannedChange } from '../../engine.ts'
import type { InfrastructureContext } from '../context.ts'
import { unlessGone } from '../named.ts'
import type { InfrastructureTask } from '../task.ts'

/** Nova lets no server be made without naming a key where classes name one. Nobody has the private half of this one: nobody logs in to nodes. */
export const keyPair: InfrastructureTask = {
  what: 'key-pair',
  dependsOn: ['external-network'],
  apply: async (context) => {
    const { client, random, name, memory, call } = context
    if ((await find(context)) === undefined) {
      await client.keypairs.create({ name, public_key: unownedKey(random, name) }, call).catch((error: unknown) => {
        if (!isFailure(error, 'Conflict')) throw error
      })
    }
    await memory.remember('key-pair', name)
  },
  plan: async (context): Promise<readonly PlannedChange[]> =>
    (await find(context)) === undefined ? [{ action: 'create', what: 'key-pair' }] : [],
  destroy: async ({ client, name, memory, call }) => {
    await client.keypairs.remove(name, call)
    await memory.remember('key-pair', undefined)
  },
}

/** Key pairs carry neither description nor tags: the cluster's name is all that marks them. */
function find({ client, name, call }: InfrastructureContext): Promise<Keypair | undefined> {
  return unlessGone(() => client.keypairs.get(name, call))
}

/** A public key of Ed25519 as OpenSSH writes it (RFC 8709): any 32 bytes are one. */
function unownedKey(random: Random, comment: string): string {
  const type = 'ssh-ed25519'
  const field = (content: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(content.length)
    return Buffer.concat([length, content])
  }
  const blob = Buffer.concat([field(Buffer.from(type)), field(random.bytes(32))])
  return `${type} ${blob.toString('base64')} ${comment}`
}
