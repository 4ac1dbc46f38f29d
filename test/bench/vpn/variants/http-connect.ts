import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createIdentities } from '../identities.ts'
import { bundleTunnelProgram } from '../programs.ts'
import { places } from '../rig.ts'
import { startProgram } from '../running-program.ts'
import { openTunnel } from './tunnel.ts'
import type { Variant } from './variant.ts'

const port = 9443

/** Our tunnel, entered by http-connect: the sender encrypts to the endpoint, as an API server that shares no network namespace with the tunnel does. */
export const openHttpConnect: Variant = async (context) => {
  const label = 'connect'
  const tunnel = await openTunnel(context, label)
  const directory = join(context.directory, label)
  const identities = await createIdentities(context, directory)
  const server = await identities.issue('server', 'server', [places.seed])
  const user = await identities.issue('user', 'client')
  const file = join(directory, 'http-connect.json')
  const configuration = {
    port,
    ...server,
    clientAuthorityFile: identities.caFile,
    networks: { pods: [places.podNetwork] },
    healthPort: 9111,
  }
  await writeFile(file, JSON.stringify(configuration))
  const start = await bundleTunnelProgram(directory, 'vpn-seed')
  const endpoint = startProgram(tunnel.rig.seed, { ...start, args: [...start.args, 'http-connect', '--config', file] })
  return {
    rig: tunnel.rig,
    proxy: { host: places.seed, port, caFile: identities.caFile, ...user },
    seedProcesses: async () => ({ ...(await tunnel.seedProcesses()), 'http-connect': endpoint.processId }),
  }
}
