import { joinReportName, joinReportNamespace, readJoinReport } from '@trellis/api/join-report'
import type { Machine } from '@trellis/api/machine/machine'
import { resolveClass } from '../machine-class/resolve.ts'
import { deriveBootstrapToken, deriveTokenId, tokenNamespace, tokenSecretName } from './bootstrap-token.ts'
import type { MachineContext } from './context.ts'
import { nodeNameOf } from './node-view.ts'
import type { MachineObservation, TargetView } from './observation.ts'
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
    classView: resolveClass(machine.spec?.class, context.classes),
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
  if (known === undefined) return { kind: 'unknown' }
  return { kind: 'known', since: Math.max(known, apiServers.recoveredAt() ?? known) }
}
