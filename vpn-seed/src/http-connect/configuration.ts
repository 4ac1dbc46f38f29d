import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }
const file = (description: string) => Type.String({ minLength: 1, description })
const networks = Type.Optional(Type.Array(Type.String(), { minItems: 1 }))
const port = (least: number) => Type.Integer({ minimum: least, maximum: 65_535 })
const seconds = (greatest: number) => Type.Optional(Type.Number({ minimum: 0.1, maximum: greatest }))

/** The configuration file of the endpoint. Only what lies in `networks` can be reached through it. */
export const httpConnectSchema = Type.Object(
  {
    host: Type.Optional(Type.String({ minLength: 1, description: 'Address to listen on; all of them unless told.' })),
    port: port(0),
    certificateFile: file('Certificate of the endpoint with its chain, PEM.'),
    keyFile: file('Private key of that certificate, PEM.'),
    clientAuthorityFile: file('Authorities of which callers must have a certificate, PEM.'),
    networks: Type.Object({ nodes: networks, pods: networks, services: networks, others: networks }, closed),
    connectSeconds: seconds(300),
    idleSeconds: seconds(31 * 24 * 3600),
    drainSeconds: seconds(3600),
    maximumStreams: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    healthHost: Type.Optional(Type.String({ minLength: 1 })),
    healthPort: port(0),
    logLevel: Type.Optional(
      Type.Unsafe<'debug' | 'info' | 'warn' | 'error'>({ type: 'string', enum: ['debug', 'info', 'warn', 'error'] }),
    ),
  },
  closed,
)

/** What the endpoint is told at its start. */
export type HttpConnectConfiguration = Static<typeof httpConnectSchema>

/** Checks a configuration file's content; unknown keys are refused. */
export const httpConnectParser = createParser(httpConnectSchema, 'configuration of http-connect')
