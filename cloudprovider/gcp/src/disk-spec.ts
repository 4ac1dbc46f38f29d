import { type Static, Type } from 'typebox'
import { labelsSchema } from './labels-spec.ts'

/** Type of disks that are part of the host: they live and die with the server. */
export const scratchDisk = 'SCRATCH'

const text = (description: string) => Type.String({ minLength: 1, maxLength: 2048, description })

/** Schema of one disk of a server. */
export const diskSchema = Type.Object(
  {
    autoDelete: Type.Optional(
      Type.Union([Type.Boolean(), Type.Null()], {
        description: 'Whether the disk goes with the server; so it does unless told.',
      }),
    ),
    boot: Type.Optional(Type.Boolean()),
    sizeGb: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_536 })),
    type: Type.Optional(Type.String({ maxLength: 2048, description: 'Disk type, or SCRATCH for a local SSD.' })),
    interface: Type.Optional(Type.Enum(['', 'NVME', 'SCSI'])),
    image: Type.Optional(Type.String({ maxLength: 2048, description: 'Image of a boot disk.' })),
    encryption: Type.Optional(
      Type.Union([
        Type.Object(
          {
            kmsKeyName: text('Key of the key management service.'),
            kmsKeyServiceAccount: Type.Optional(Type.String()),
          },
          { additionalProperties: false },
        ),
        Type.Null(),
      ]),
    ),
    labels: Type.Optional(Type.Union([labelsSchema, Type.Null()])),
    provisionedIops: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000 })),
    provisionedThroughput: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000 })),
    storagePool: Type.Optional(Type.String({ maxLength: 2048 })),
  },
  { additionalProperties: false },
)

/** One disk of a server. */
export type DiskSpec = Static<typeof diskSchema>
