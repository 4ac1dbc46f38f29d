import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }
const port = Type.Integer({ minimum: 1, maximum: 65_535 })
const texts = Type.Array(Type.String(), { minItems: 1, maxItems: 64 })

const fallback = Type.Object(
  {
    endpoint: Type.String(),
    serverName: Type.String({ minLength: 1, maxLength: 253 }),
    caFile: Type.String(),
    certificateFile: Type.Optional(Type.String()),
    keyFile: Type.Optional(Type.String()),
  },
  closed,
)

const peer = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    publicKey: Type.String(),
    presharedKeyFile: Type.Optional(Type.String()),
    endpoint: Type.Optional(Type.String()),
    fallback: Type.Optional(fallback),
    keepaliveSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
    addresses: texts,
    tunnelAddresses: texts,
  },
  closed,
)

const link = Type.Object(
  {
    interface: Type.String(),
    privateKeyFile: Type.String(),
    listenPort: Type.Optional(port),
    addresses: texts,
    peer,
  },
  closed,
)

const otherName = Type.Object({ network: Type.String(), inTunnel: Type.String() }, closed)

/** The fields of a configuration file that both kinds of end share; a program may add its own. */
export const tunnelFields = {
  name: Type.Optional(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]{0,23}$' })),
  tunnelAddresses: texts,
  links: Type.Array(link, { minItems: 1, maxItems: 64 }),
  networks: Type.Object(
    { nodes: Type.Optional(texts), pods: Type.Optional(texts), services: Type.Optional(texts) },
    closed,
  ),
  otherNames: Type.Optional(Type.Array(otherName, { maxItems: 64 })),
  otherNamesForGroup: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_fffe })),
  relay: Type.Optional(
    Type.Object(
      {
        listen: Type.String({ maxLength: 300 }),
        certificateFile: Type.String(),
        keyFile: Type.String(),
        caFile: Type.Optional(Type.String()),
      },
      closed,
    ),
  ),
  wireGuardRelay: Type.Optional(Type.Object({ program: Type.Optional(Type.String()) }, closed)),
  implementation: Type.Optional(
    Type.Union([Type.Literal('automatic'), Type.Literal('kernel'), Type.Literal('userspace')]),
  ),
  mtu: Type.Optional(Type.Integer({ minimum: 576, maximum: 65_455 })),
  probe: Type.Optional(
    Type.Object(
      {
        port: Type.Optional(port),
        intervalMilliseconds: Type.Optional(Type.Integer({ minimum: 50, maximum: 60_000 })),
      },
      closed,
    ),
  ),
  healthHost: Type.Optional(Type.String()),
  healthPort: Type.Integer({ minimum: 0, maximum: 65_535 }),
  wireGuardGo: Type.Optional(
    Type.Object(
      {
        program: Type.Optional(Type.String()),
        memoryLimitMebibytes: Type.Optional(Type.Integer({ minimum: 8, maximum: 65_536 })),
      },
      closed,
    ),
  ),
  logLevel: Type.Optional(
    Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')]),
  ),
}

/** The whole file of an end that adds nothing. */
export const tunnelFileSchema = Type.Object(tunnelFields, closed)

/** A configuration file as its schema lets it through. */
export type TunnelFile = Static<typeof tunnelFileSchema>

/** One link of it. */
export type LinkFile = Static<typeof link>
