import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createLog } from '@trellis/foundation/log'
import { parseEndpoint } from 'node-wireguard/endpoint'
import { startRelayClient } from 'node-wireguard/relay/client'
import { startRelayServer } from 'node-wireguard/relay/server'
import { eventually } from 'node-wireguard/testing/eventually'
import { relayLauncherIn } from 'node-wireguard/testing/relay-launch'
import { createIdentities } from '../identities.ts'
import { relayProgram, wireGuardGo } from '../programs.ts'
import { buildRig, places } from '../rig.ts'
import { openDevices } from './bare.ts'
import type { Variant } from './variant.ts'

const relayPort = 443

/** The devices of `bare` with our relay between them: all datagrams go inside TLS, with certificates on both sides. */
export const openFallback: Variant = async (context) => {
  const { clock, random, laboratory } = context
  const rig = await buildRig(laboratory, 'fall')
  const devices = await openDevices(context, rig, { label: 'f', program: await wireGuardGo(context) })
  const directory = join(context.directory, 'fallback')
  await mkdir(directory)
  const identities = await createIdentities(context, directory)
  const { caFile } = identities
  const environment = { clock, random, log: createLog('bench', 'warn'), program: await relayProgram(context) }
  const seed = relayLauncherIn(rig.seed)
  const server = await startRelayServer({
    ...{ ...environment, launch: seed.launch, listen: `:${relayPort}` },
    identity: { ...(await identities.issue('relay-seed', 'server', [places.seed])), caFile },
    links: new Map([[devices.seedKey, devices.port]]),
  })
  laboratory.endLater(server)
  const client = await startRelayClient({
    ...{ ...environment, launch: relayLauncherIn(rig.shoot).launch, resolve: async () => [] },
    target: {
      ...(await identities.issue('relay-shoot', 'client')),
      ...{ caFile, serverName: places.seed, link: devices.seedKey },
      endpoint: parseEndpoint(`${places.seed}:${relayPort}`),
    },
  })
  laboratory.endLater(client)
  await eventually('the connection of the relay', () => client.state().connected || undefined)
  await devices.join(client.endpoint())
  return {
    rig,
    seedProcesses: async () => ({ 'wireguard-go': devices.seedProcess, 'wireguard-relay': seed.processId() }),
  }
}
