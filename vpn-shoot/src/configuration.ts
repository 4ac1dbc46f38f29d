import { createParser } from '@trellis/foundation/schema'
import { tunnelFileSchema } from 'node-wireguard/tunnel/file'

/** The configuration file of the shoot's end. A link's `peer.endpoint` is the front door; without it this end waits to be dialled at `listenPort`. */
export const configurationSchema = tunnelFileSchema

/** Checks a configuration file's content; unknown keys are refused. */
export const configurationParser = createParser(configurationSchema, 'configuration of vpn-shoot')
