import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import { diskSchema } from './disk-spec.ts'
import { labelsSchema } from './labels-spec.ts'
import { networkInterfaceSchema } from './network-spec.ts'
import { checkSpec } from './spec-rules.ts'

const text = (description: string) => Type.String({ minLength: 1, maxLength: 2048, description })
const name = (description: string) => Type.String({ pattern: '^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$', description })

const schedulingSchema = Type.Object(
  {
    automaticRestart: Type.Optional(Type.Boolean()),
    onHostMaintenance: Type.Optional(Type.Enum(['MIGRATE', 'TERMINATE'])),
    preemptible: Type.Optional(
      Type.Boolean({ description: 'The older sort of interruptible servers, gone after a day.' }),
    ),
    provisioningModel: Type.Optional(Type.Enum(['STANDARD', 'SPOT'])),
    instanceTerminationAction: Type.Optional(Type.Enum(['STOP', 'DELETE'])),
  },
  { additionalProperties: false },
)

/** Schema of what a machine class of provider `GCP` says about its servers; beside the reference's fields it has `provisioningModel`, `instanceTerminationAction` and `reservationAffinity`. */
export const providerSpecSchema = Type.Object(
  {
    apiVersion: Type.Optional(Type.String()),
    canIpForward: Type.Optional(Type.Boolean()),
    deletionProtection: Type.Optional(Type.Boolean()),
    description: Type.Optional(Type.String({ maxLength: 2048 })),
    disks: Type.Array(diskSchema, { minItems: 1, maxItems: 128 }),
    gpu: Type.Optional(
      Type.Object(
        { acceleratorType: text('Type of GPU.'), count: Type.Integer({ minimum: 1, maximum: 64 }) },
        { additionalProperties: false },
      ),
    ),
    labels: Type.Optional(labelsSchema),
    machineType: text('Machine type, or its address.'),
    metadata: Type.Optional(
      Type.Array(
        Type.Object(
          {
            key: Type.String({ pattern: '^[a-zA-Z0-9_-]{1,127}$' }),
            value: Type.Optional(Type.Union([Type.String({ maxLength: 262_144 }), Type.Null()])),
          },
          { additionalProperties: false },
        ),
      ),
    ),
    minCpuPlatform: Type.Optional(Type.String()),
    networkInterfaces: Type.Array(networkInterfaceSchema, { minItems: 1, maxItems: 16 }),
    region: name('Region of the zone.'),
    reservationAffinity: Type.Optional(
      Type.Object(
        {
          consumeReservationType: Type.Enum(['ANY_RESERVATION', 'SPECIFIC_RESERVATION', 'NO_RESERVATION']),
          key: Type.Optional(Type.String({ minLength: 1 })),
          values: Type.Optional(Type.Array(text('Name of a reservation.'), { minItems: 1 })),
        },
        { additionalProperties: false },
      ),
    ),
    scheduling: Type.Optional(schedulingSchema),
    serviceAccounts: Type.Optional(
      Type.Array(
        Type.Object(
          { email: text('Service account.'), scopes: Type.Array(text('Scope.')) },
          { additionalProperties: false },
        ),
        { maxItems: 1 },
      ),
    ),
    shieldedInstanceConfiguration: Type.Optional(
      Type.Object(
        {
          integrityMonitoring: Type.Optional(Type.Boolean()),
          secureBoot: Type.Optional(Type.Boolean()),
          vtpm: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
    ),
    advancedMachineFeatures: Type.Optional(
      Type.Object({ enableNestedVirtualization: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
    ),
    tags: Type.Array(name('Network tag.'), {
      maxItems: 64,
      description: 'Network tags; one must name the cluster and one the role.',
    }),
    zone: name('Zone of the servers.'),
  },
  { additionalProperties: false },
)

/** What a machine class of provider `GCP` says about its servers. */
export type GoogleProviderSpec = Static<typeof providerSpecSchema>

const parser = createParser(providerSpecSchema, 'machine class of provider GCP')

/** The checked spec; throws `Invalid` with the field, as in `providerSpec.networkInterfaces[0].subnetwork`. */
export function parseProviderSpec(input: unknown): GoogleProviderSpec {
  let spec: GoogleProviderSpec
  try {
    spec = parser.parse(input)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const field = error.field === undefined || error.field === '(root)' ? 'providerSpec' : `providerSpec.${error.field}`
    throw new Failure('Invalid', error.message, { field })
  }
  checkSpec(spec)
  return spec
}
