import { createHash } from 'node:crypto'
import { keys } from '../names.ts'
import type { InfrastructureTask } from './task.ts'

/** Key of the account's secret that holds the public key for SSH, as in `ssh-ed25519 AAAA…`; without it machines have none. */
export const sshKeyField = 'sshPublicKey'

/** Name of a key pair: another key is another pair, since EC2 changes none. */
export function keyPairName(technicalId: string, publicKey: string): string {
  return `${technicalId}-${createHash('sha256').update(publicKey.trim()).digest('hex').slice(0, 8)}`
}

/** The public key for SSH to machines. */
export const keyPair: InfrastructureTask = {
  id: 'key-pair',
  // Nothing is made for a VPC that is not there.
  dependsOn: ['vpc'],
  apply: async (world) => {
    const { secret, technicalId } = world.request
    const publicKey = secret[sshKeyField]?.trim() ?? ''
    const name = keyPairName(technicalId, publicKey)
    const present = world.survey.find('key-pair', keys.keyPair)
    if (present !== undefined && (publicKey === '' || present.name !== name)) {
      await world.remove('key-pair', keys.keyPair)
      await world.survey.refreshSort('key-pair')
    }
    if (publicKey !== '') await world.ensure(keys.keyPair, { sort: 'key-pair', name, publicKey })
  },
  destroy: (world) => world.remove('key-pair', keys.keyPair),
}
