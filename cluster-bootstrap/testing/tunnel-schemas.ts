import { createParser } from '@trellis/foundation/schema'
import { tunnelFileSchema } from 'node-wireguard/tunnel/file'

/** What both ends of the tunnel accept: their own schemas are made of the same parts, but rooms of deployables are closed to each other. */
export const configurationParser = createParser(tunnelFileSchema, 'configuration of an end of the tunnel')
