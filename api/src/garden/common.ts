import { type Static, Type } from 'typebox'
import { choice, complete, immutable, instant, list, optional, text } from '../schema-parts.ts'

/** Group of the garden kinds. */
export const gardenGroup = 'core.gardener.cloud'

/** Version of the garden kinds. */
export const gardenVersion = 'v1beta1'

/** `apiVersion` of every garden kind. */
export const gardenApiVersion = `${gardenGroup}/${gardenVersion}`

/** Finalizer on a Shoot whose cluster has not been taken down yet. */
export const gardenFinalizer = 'gardener'

/** Keys of annotations on garden kinds. */
export const gardenAnnotations = {
  /** Must be `true` before a Shoot or Project may be deleted. */
  deletionConfirmation: 'confirmation.gardener.cloud/deletion',
  /** Asks for one operation: see {@link shootOperations}. */
  operation: 'gardener.cloud/operation',
} as const

/** Operations that {@link gardenAnnotations.operation} may ask of a Shoot. */
export const shootOperations = ['reconcile', 'retry'] as const

/** Codes that name the cause of an error for programs. */
export const errorCodes = [
  'ERR_INFRA_UNAUTHENTICATED',
  'ERR_INFRA_UNAUTHORIZED',
  'ERR_INFRA_QUOTA_EXCEEDED',
  'ERR_INFRA_RATE_LIMITS_EXCEEDED',
  'ERR_INFRA_DEPENDENCIES',
  'ERR_INFRA_RESOURCES_DEPLETED',
  'ERR_RETRYABLE_INFRA_DEPENDENCIES',
  'ERR_CLEANUP_CLUSTER_RESOURCES',
  'ERR_CONFIGURATION_PROBLEM',
  'ERR_RETRYABLE_CONFIGURATION_PROBLEM',
  'ERR_PROBLEMATIC_WEBHOOK',
] as const
export type ErrorCode = (typeof errorCodes)[number]

/** Codes of errors, in a list. */
export function errorCodesSchema() {
  return list('What sort of error it is.', choice('Code of an error.', errorCodes))
}

/** A condition of a garden kind. */
export const gardenConditionSchema = complete('One aspect of the state of the object.', {
  type: text('Type of the condition.'),
  status: choice('Whether it holds.', ['True', 'False', 'Unknown', 'Progressing']),
  reason: text('Why, in one word.'),
  message: text('Why, for people.'),
  lastTransitionTime: instant('When the status last changed.'),
  lastUpdateTime: optional(instant('When the condition was last written.')),
  codes: optional(errorCodesSchema()),
})
export type GardenCondition = Static<typeof gardenConditionSchema>

/** Conditions, merged by type. */
export function conditionsSchema() {
  return list('Aspects of the state of the object.', gardenConditionSchema, {
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  })
}

/** An address range as text, which may not change: what runs in it would lose its addresses. */
export function cidr(description: string) {
  return Type.String({ description: `${description} An IPv4 CIDR such as 10.250.0.0/16.`, ...immutable })
}
