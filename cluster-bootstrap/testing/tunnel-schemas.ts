import { createParser } from '@trellis/foundation/schema'
import { peerFields, tunnelFields } from 'node-wireguard/tunnel/settings'
import { Type } from 'typebox'

const closed = { additionalProperties: false }

/** What both ends of the tunnel accept: their own schemas are made of the same parts, but rooms of deployables are closed to each other. */
export const configurationParser = createParser(
  Type.Object(
    {
      ...tunnelFields,
      listenPort: Type.Optional(Type.Integer()),
      peer: Type.Object({ ...peerFields, endpoint: Type.Optional(Type.String()) }, closed),
    },
    closed,
  ),
  'configuration of an end of the tunnel',
)
