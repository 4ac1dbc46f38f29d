import { joinReportName, joinReportNamespace, readJoinReport } from '@trellis/api/join-report'
import type { Machine } from '@trellis/api/machine/machine'
import { success } from '@trellis/foundation/result'
import { resolveClass } from '../machine-class/resolve.ts'
import { deriveBootstrapToken, deriveTokenId, tokenNamespace, tokenSecretName } from './bootstrap-token.ts'
import type { MachineContext } from './context.ts'
import { nodeNameOf } from './node-view.ts'
import type { MachineObservation, TargetView } from './observation.ts'
import { isLeaving } from './phase.ts'
import { effectiveSettings } from './settings.ts'

/** Takes one snapshot of all that concerns a machine, from informers alone. */
export function observeMachine(context: MachineContext, machine: Machine): MachineObservation {
  const { target } = context
  const nodeName = nodeNameOf(machine)
  const reportKey = { namespace: joinReportNamespace, name: joinReportName(machine.metadata.name) }
  const configMap = target?.reports.get(reportKey)
  return {
    machine,
    settings: effectiveSettings(machine, context.settings),
    classView: classViewOf(context, machine),
    target: targetView(context),
    node: nodeName === undefined ? undefined : target?.nodeReader.get({ name: nodeName }),
    report: configMap === undefined ? undefined : readJoinReport(configMap),
    tokenSecret: target?.tokens.get({ namespace: tokenNamespace, name: tokenSecretName(tokenIdOf(context, machine)) }),
  }
}

/** Id of the machine's bootstrap token, with or without a key. */
export function tokenIdOf({ tokens }: Pick<MachineContext, 'tokens'>, machine: Machine): string {
  const uid = machine.metadata.uid ?? ''
  return tokens.key === undefined ? deriveTokenId(uid) : deriveBootstrapToken(tokens.key, uid).id
}

function targetView({ target, apiServers }: MachineContext): TargetView {
  if (target === undefined) return { kind: 'none' }
  const known = target.nodesKnownSince()
  if (known !== undefined) return { kind: 'known', since: Math.max(known, apiServers.recoveredAt() ?? known) }
  const silentSince = target.silentSince()
  return silentSince === undefined ? { kind: 'unknown' } : { kind: 'unknown', silentSince }
}

/** The class as it is; for a machine that is to go, as it was last, should it or a secret of it be missing: what was made must not outlive it. */
function classViewOf({ classes, knownClasses }: MachineContext, machine: Machine): MachineObservation['classView'] {
  const name = machine.spec?.class?.name ?? ''
  const resolved = resolveClass(machine.spec?.class, classes)
  if (resolved.ok) knownClasses.set(name, resolved.value)
  if (resolved.ok || resolved.reason.kind !== 'missing' || !isLeaving(machine)) return resolved
  const known = knownClasses.get(name)
  return known === undefined ? resolved : success(known)
}
