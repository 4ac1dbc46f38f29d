import { createParser } from '@trellis/foundation/schema'
import { tunnelFileSchema } from 'node-wireguard/tunnel/file'

/** The configuration file of the seed's end. A link's `listenPort` is where the shoot dials; with `peer.endpoint` this end dials instead. */
export const configurationSchema = tunnelFileSchema

/** Checks a configuration file's content; unknown keys are refused. */
export const configurationParser = createParser(configurationSchema, 'configuration of vpn-seed')
