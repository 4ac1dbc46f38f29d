import type { TSchema } from 'typebox'
import { durationMilliseconds } from '../duration.ts'
import type { MachineSpec, MachineTemplate, NodeTemplateSpec } from '../machine/common.ts'
import { machineSchema } from '../machine/machine.ts'
import { type MachineClass, machineClassSchema } from '../machine/machine-class.ts'
import {
  type MachineDeployment,
  type MachineDeploymentStrategy,
  machineDeploymentSchema,
} from '../machine/machine-deployment.ts'
import { type MachineSet, machineSetSchema } from '../machine/machine-set.ts'
import type { LabelSelector } from '../meta.ts'
import { isLabelValue, isQualifiedName } from '../names.ts'
import { countOf } from '../number-or-percentage.ts'
import { isQuantity } from '../quantity.ts'
import { type FieldError, fieldError } from './field-error.ts'
import { createStructureCheck } from './structure.ts'

const structureChecks = {
  machine: structureErrors(machineSchema),
  machineClass: structureErrors(machineClassSchema),
  machineSet: structureErrors(machineSetSchema),
  machineDeployment: structureErrors(machineDeploymentSchema),
}

/** Everything that is wrong with a Machine's spec; takes any value. */
export function validateMachine(object: unknown): FieldError[] {
  const errors = structureChecks.machine(object)
  return errors.length > 0 ? errors : specErrors((object as { spec?: MachineSpec }).spec ?? {}, 'spec')
}

/** Everything that is wrong with a MachineClass, as far as it can be told without its driver; takes any value. */
export function validateMachineClass(object: unknown): FieldError[] {
  const errors = structureChecks.machineClass(object)
  if (errors.length > 0) return errors
  const { nodeTemplate } = object as MachineClass
  if (nodeTemplate === undefined) return []
  const at = 'nodeTemplate'
  return [
    ...capacityErrors(nodeTemplate.capacity, `${at}.capacity`),
    ...quantityErrors(nodeTemplate.virtualCapacity ?? {}, `${at}.virtualCapacity`),
    ...(['instanceType', 'region', 'zone'] as const).flatMap((name) =>
      nodeTemplate[name] === '' ? [fieldError(`${at}.${name}`, 'may not be empty')] : [],
    ),
  ]
}

/** Everything that is wrong with a MachineSet; takes any value. */
export function validateMachineSet(object: unknown): FieldError[] {
  const errors = structureChecks.machineSet(object)
  if (errors.length > 0) return errors
  const spec = (object as MachineSet).spec ?? {}
  return ownerErrors(spec.replicas, spec.selector, spec.template, 'spec')
}

/** Everything that is wrong with a MachineDeployment; takes any value. */
export function validateMachineDeployment(object: unknown): FieldError[] {
  const errors = structureChecks.machineDeployment(object)
  if (errors.length > 0) return errors
  const { spec } = object as MachineDeployment
  if (spec === undefined) return [fieldError('spec', 'is required')]
  return [
    ...ownerErrors(spec.replicas, spec.selector, spec.template, 'spec'),
    ...strategyErrors(spec.strategy, 'spec.strategy'),
  ]
}

/** Unknown fields are left alone: the API server has pruned them, and objects of newer clients must be accepted. */
function structureErrors(schema: TSchema): (object: unknown) => FieldError[] {
  const check = createStructureCheck(schema)
  return (object) => [...check(object).wrong]
}

function ownerErrors(
  replicas: number | undefined,
  selector: LabelSelector | undefined,
  template: MachineTemplate | undefined,
  at: string,
): FieldError[] {
  return [
    ...((replicas ?? 0) < 0 ? [fieldError(`${at}.replicas`, 'must be at least 0')] : []),
    ...selectorErrors(selector ?? {}, template, at),
    ...specErrors(template?.spec ?? {}, `${at}.template.spec`),
  ]
}

/** Machines that did not match the selector of their owner would be made without end. */
function selectorErrors(selector: LabelSelector, template: MachineTemplate | undefined, at: string): FieldError[] {
  const labels = template?.metadata?.labels ?? {}
  const unmatched = Object.entries(selector.matchLabels ?? {}).filter(([key, value]) => labels[key] !== value)
  return unmatched.map(([key, value]) =>
    fieldError(
      `${at}.template.metadata.labels`,
      `${key} must be ${value}, as the selector asks`,
      `change ${at}.selector or the labels of the template`,
    ),
  )
}

function strategyErrors(strategy: MachineDeploymentStrategy | undefined, at: string): FieldError[] {
  switch (strategy?.type) {
    case 'Recreate':
      return []
    case 'RollingUpdate':
      return boundsErrors(strategy.rollingUpdate, `${at}.rollingUpdate`)
    case 'InPlaceUpdate':
      return [
        ...boundsErrors(strategy.inPlaceUpdate, `${at}.inPlaceUpdate`),
        ...oneOf(
          strategy.inPlaceUpdate?.orchestrationType,
          ['Auto', 'Manual'],
          `${at}.inPlaceUpdate.orchestrationType`,
        ),
      ]
    default:
      return oneOf(strategy?.type, ['Recreate', 'RollingUpdate', 'InPlaceUpdate'], `${at}.type`)
  }
}

function boundsErrors(
  bounds: { maxSurge?: number | string; maxUnavailable?: number | string } | undefined,
  at: string,
): FieldError[] {
  return (['maxSurge', 'maxUnavailable'] as const).flatMap((name) => {
    const bound = bounds?.[name]
    if (bound === undefined) return [fieldError(`${at}.${name}`, 'is required')]
    if (countOf(bound, 100, 'up') !== undefined) return []
    return [fieldError(`${at}.${name}`, 'must be a number of at least 0 or a share as in 25%')]
  })
}

function oneOf(value: string | undefined, words: readonly string[], at: string): FieldError[] {
  if (value !== undefined && words.includes(value)) return []
  const said = value === undefined || value === '' ? 'is required' : `there is no ${value}`
  return [fieldError(at, said, `choose one of ${words.join(', ')}`)]
}

function specErrors(spec: MachineSpec, at: string): FieldError[] {
  return [
    ...(spec.class?.kind ? [] : [fieldError(`${at}.class.kind`, 'is required', 'use MachineClass')]),
    ...(spec.class?.name ? [] : [fieldError(`${at}.class.name`, 'is required', 'name a MachineClass')]),
    ...durationErrors(spec, at),
    ...((spec.maxEvictRetries ?? 0) < 0 ? [fieldError(`${at}.maxEvictRetries`, 'must be at least 0')] : []),
    ...nodeTemplateErrors(spec.nodeTemplate ?? {}, `${at}.nodeTemplate`),
  ]
}

const durations = [
  'creationTimeout',
  'drainTimeout',
  'healthTimeout',
  'inPlaceUpdateTimeout',
  'machinePreserveTimeout',
] as const

function durationErrors(spec: MachineSpec, at: string): FieldError[] {
  return durations.flatMap((name) => {
    const text = spec[name]
    if (text === undefined || (durationMilliseconds(text) ?? -1) >= 0) return []
    return [fieldError(`${at}.${name}`, `${text} is no duration`, 'write it as 90s, 20m or 1h30m')]
  })
}

function nodeTemplateErrors(template: NodeTemplateSpec, at: string): FieldError[] {
  const labels = Object.entries(template.metadata?.labels ?? {})
  return [
    ...labels.flatMap(([key, value]) =>
      isQualifiedName(key) && isLabelValue(value)
        ? []
        : [fieldError(`${at}.metadata.labels[${key}]`, `${key}=${value} is no label`)],
    ),
    ...(template.spec?.taints ?? []).flatMap((taint, index) => [
      ...(isQualifiedName(taint.key) ? [] : [fieldError(`${at}.spec.taints[${index}].key`, 'is no key')]),
      ...oneOf(taint.effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute'], `${at}.spec.taints[${index}].effect`),
    ]),
  ]
}

function capacityErrors(capacity: Record<string, number | string>, at: string): FieldError[] {
  const missing = ['cpu', 'gpu', 'memory'].filter((name) => capacity[name] === undefined)
  return [...missing.map((name) => fieldError(`${at}.${name}`, 'is required')), ...quantityErrors(capacity, at)]
}

function quantityErrors(amounts: Record<string, number | string>, at: string): FieldError[] {
  return Object.entries(amounts).flatMap(([name, amount]) =>
    isQuantity(amount) ? [] : [fieldError(`${at}.${name}`, `${amount} is no quantity`, 'write it as 2, 500m or 4Gi')],
  )
}
