import { createParser } from '@trellis/foundation/schema'
import { peerFields, tunnelFields } from 'node-wireguard/tunnel/settings'
import { Type } from 'typebox'

const closed = { additionalProperties: false }

/** The configuration file of the seed's end. `listenPort` is where the shoot dials; with `peer.endpoint` this end dials instead. */
export const configurationSchema = Type.Object(
  {
    ...tunnelFields,
    listenPort: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    peer: Type.Object({ ...peerFields, endpoint: Type.Optional(Type.String()) }, closed),
  },
  closed,
)

/** Checks a configuration file's content; unknown keys are refused. */
export const configurationParser = createParser(configurationSchema, 'configuration of vpn-seed')
