import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import { machineEventReasons } from '@trellis/api/machine/well-known'
import type { DeploymentTrouble } from './status.ts'

/** Why a deployment cannot be carried out, with the field; undefined when it can. */
export function invalidity(deployment: MachineDeployment, hasTarget = true): DeploymentTrouble | undefined {
  const { matchLabels = {}, matchExpressions = [] } = deployment.spec?.selector ?? {}
  const message = complaint(deployment) ?? targetTrouble(deployment, hasTarget)
  if (message === undefined) return undefined
  const selectsAll = Object.keys(matchLabels).length + matchExpressions.length === 0
  return { reason: selectsAll ? machineEventReasons.selectingAll : 'InvalidSpec', message }
}

function complaint(deployment: MachineDeployment): string | undefined {
  const { spec } = deployment
  if (spec === undefined) return 'spec is missing'
  const { class: reference } = spec.template.spec ?? {}
  if (!reference?.kind) return 'spec.template.spec.class.kind must be set'
  if (!reference.name) return 'spec.template.spec.class.name must be set'
  if (wrongReplicas(spec.replicas)) return 'spec.replicas must not be negative'
  return selectorTrouble(deployment) ?? strategyTrouble(deployment)
}

function wrongReplicas(replicas: number | undefined): boolean {
  return replicas !== undefined && replicas < 0
}

function selectorTrouble({ spec }: MachineDeployment): string | undefined {
  const { matchLabels = {}, matchExpressions = [] } = spec?.selector ?? {}
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) return 'spec.selector must select something'
  const labels = spec?.template.metadata?.labels ?? {}
  const missing = Object.entries(matchLabels).find(([key, value]) => labels[key] !== value)
  return missing === undefined
    ? undefined
    : `spec.template.metadata.labels must have ${missing[0]}=${missing[1]}, as spec.selector asks`
}

function strategyTrouble({ spec }: MachineDeployment): string | undefined {
  const { type = 'RollingUpdate', rollingUpdate, inPlaceUpdate } = spec?.strategy ?? {}
  if (!['Recreate', 'RollingUpdate', 'InPlaceUpdate'].includes(type)) {
    return 'spec.strategy.type must be Recreate, RollingUpdate or InPlaceUpdate'
  }
  const bounds = type === 'RollingUpdate' ? rollingUpdate : type === 'InPlaceUpdate' ? inPlaceUpdate : undefined
  const field = type === 'RollingUpdate' ? 'rollingUpdate' : 'inPlaceUpdate'
  for (const key of ['maxSurge', 'maxUnavailable'] as const) {
    const value = bounds?.[key]
    if (value !== undefined && !isBound(value)) return `spec.strategy.${field}.${key} must be a number or a percentage`
  }
  const orchestration = inPlaceUpdate?.orchestrationType
  return type === 'InPlaceUpdate' && orchestration !== 'Auto' && orchestration !== 'Manual'
    ? 'spec.strategy.inPlaceUpdate.orchestrationType must be Auto or Manual'
    : undefined
}

/** Who updates in place speaks through Nodes. */
function targetTrouble({ spec }: MachineDeployment, hasTarget: boolean): string | undefined {
  if (hasTarget || spec?.strategy?.type !== 'InPlaceUpdate') return undefined
  return 'spec.strategy.type InPlaceUpdate needs a cluster that machines join; choose RollingUpdate or Recreate'
}

function isBound(value: number | string): boolean {
  return typeof value === 'number' ? value >= 0 : /^\d+%?$/.test(value)
}
