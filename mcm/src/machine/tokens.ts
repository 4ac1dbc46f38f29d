import { secrets } from '@trellis/api/core/configuration'
import type { Machine } from '@trellis/api/machine/machine'
import { Failure, isFailure } from '@trellis/foundation/failure'
import {
  type BootstrapToken,
  decideToken,
  deriveBootstrapToken,
  deriveTokenId,
  tokenNamespace,
  tokenOf,
  tokenSecret,
  tokenSecretName,
} from './bootstrap-token.ts'
import type { MachineContext, TargetContext } from './context.ts'
import { effectiveSettings } from './settings.ts'

type TokenContext = Pick<MachineContext, 'clock' | 'random' | 'target' | 'tokens' | 'settings'>

/** Tokens live at least this long, so that an impatient machine does not have its token renewed all the time. */
const shortestLifetimeMilliseconds = 600_000

/**
 * The machine's token. With a key it is known at once. Without one it is random and kept in the target cluster, which must answer:
 * throws `Unavailable` while it does not, and `Invalid` when there is no target cluster.
 */
export async function tokenFor(context: TokenContext, machine: Machine): Promise<BootstrapToken> {
  const { target, tokens, random } = context
  const uid = machine.metadata.uid ?? ''
  if (tokens.key !== undefined) return deriveBootstrapToken(tokens.key, uid)
  if (target === undefined) {
    throw new Failure('Invalid', 'user-data asks for a bootstrap token, but there is no cluster to join', {
      field: 'secretRef.data.userData',
    })
  }
  if (!target.tokens.hasSynced()) {
    throw new Failure('Unavailable', 'without a bootstrap token key no server is made before the cluster answers', {
      remedy: 'start the machine controller with --bootstrap-token-key',
    })
  }
  const id = deriveTokenId(uid)
  const stored = await target.client.find(secrets, { namespace: tokenNamespace, name: tokenSecretName(id) })
  const token = stored === undefined ? undefined : tokenOf(stored)
  return token?.id === id ? token : { id, secret: random.text(16) }
}

/**
 * Makes the token valid in the target cluster, and renews it in time. Returns when to come back for that; undefined while the target does not answer.
 * Repeats write nothing.
 */
export async function ensureToken(
  context: TokenContext,
  machine: Machine,
  token: BootstrapToken,
): Promise<number | undefined> {
  const { clock, target, tokens, settings } = context
  if (target === undefined || !target.tokens.hasSynced()) return undefined
  const { creationTimeoutMilliseconds } = effectiveSettings(machine, settings)
  const lifetime = Math.max(creationTimeoutMilliseconds, shortestLifetimeMilliseconds)
  const now = clock.now()
  const present = target.tokens.get({ namespace: tokenNamespace, name: tokenSecretName(token.id) })
  const action = decideToken(present, token, lifetime, now)
  if (action.kind === 'keep') return action.renewInMilliseconds
  const machineName = machine.metadata.name
  const wanted = tokenSecret({ token, machineName, extraGroups: tokens.extraGroups, expiresAt: now + lifetime })
  if (action.kind === 'replace') await target.client.replace(secrets, wanted)
  else await createOnce(target, wanted)
  return lifetime / 2
}

/** The informer may not have seen a Secret that this process, or the one before, made a moment ago. */
async function createOnce(target: TargetContext, wanted: ReturnType<typeof tokenSecret>): Promise<void> {
  try {
    await target.client.create(secrets, wanted)
  } catch (error) {
    if (!isFailure(error, 'Conflict')) throw error
  }
}
