import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

const text = (description: string) => Type.String({ minLength: 1, description })

/** The file that `--report` names: where this end tells how the tunnel looks from here. */
export const reportSchema = Type.Object(
  {
    server: Type.String({ pattern: '^https://', description: 'The API server, reached without the tunnel.' }),
    certificateAuthorityFile: text('Authority by which it proves itself, PEM.'),
    tokenFile: text('Token of the service account; read again as it changes.'),
    end: text('Key of the report: the name of this end among those of the shoot.'),
    statusUrl: Type.Optional(Type.String({ pattern: '^http://', description: 'Where this end shows its status.' })),
  },
  { additionalProperties: false },
)

/** Where and as whom this end reports. */
export type ReportConfiguration = Static<typeof reportSchema>

/** Checks the file's content; unknown keys are refused. */
export const reportParser = createParser(reportSchema, 'configuration of the report of vpn-shoot')
