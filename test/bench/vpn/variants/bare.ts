import { hostCidr, parseCidr, parseIpAddress } from 'node-wireguard/address'
import { parseResolvedEndpoint, type ResolvedEndpoint } from 'node-wireguard/endpoint'
import { generatePrivateKey, type PublicKey, publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import type { Namespace } from 'node-wireguard/testing/namespaces'
import { createUapiClient, socketPathOf } from 'node-wireguard/uapi-client'
import { createUapiDevice } from 'node-wireguard/uapi-device'
import type { BenchContext } from '../context.ts'
import { upstreamWireGuardGo } from '../programs.ts'
import { buildRig, places, type Rig } from '../rig.ts'
import { startProgram } from '../running-program.ts'
import type { Variant } from './variant.ts'

const port = 51_820
const addresses = { seed: '192.168.123.1', shoot: '192.168.123.2' } as const

/** Two processes of wireguard-go as it comes: no limit of memory, no firewall, nobody who watches. */
export const openBare: Variant = async (context) => {
  const rig = await buildRig(context.laboratory, 'bare')
  const devices = await openDevices(context, rig, { label: 'b', program: await upstreamWireGuardGo(context) })
  await devices.join(parseResolvedEndpoint(`${places.seed}:${devices.port}`))
  return { rig, seedProcesses: async () => ({ 'wireguard-go': devices.seedProcess }) }
}

/** A device in the seed, which listens, and one in the shoot, which dials. */
export interface BareDevices {
  readonly port: number
  /** What the seed's device is called by its peer. */
  readonly seedKey: PublicKey
  readonly seedProcess: number
  /** Makes them peers; the shoot dials the endpoint. */
  join(endpoint: ResolvedEndpoint): Promise<void>
}

/** Starts a device at each end of a rig. The label, one letter, tells devices of one run apart. */
export async function openDevices(
  context: BenchContext,
  rig: Rig,
  { label, program }: { readonly label: string; readonly program: string },
): Promise<BareDevices> {
  const { random } = context
  const keys = { seed: generatePrivateKey(random), shoot: generatePrivateKey(random) }
  const start = (end: 'seed' | 'shoot') => startEnd(context, { end, namespace: rig[end], program, label })
  const [seed, shoot] = [await start('seed'), await start('shoot')]
  const seedKey = publicKeyOf(keys.seed)
  return {
    port,
    seedKey,
    seedProcess: seed.processId,
    join: async (endpoint) => {
      const networks = [hostCidr(parseIpAddress(addresses.shoot)), parseCidr(places.podNetwork)]
      await seed.device.apply({
        privateKey: keys.seed,
        listenPort: port,
        peers: [{ publicKey: publicKeyOf(keys.shoot), allowedAddresses: networks }],
      })
      const allowedAddresses = [hostCidr(parseIpAddress(addresses.seed))]
      await shoot.device.apply({
        privateKey: keys.shoot,
        peers: [{ publicKey: seedKey, endpoint, persistentKeepaliveSeconds: 25, allowedAddresses }],
      })
      await rig.seed.run('ip', 'route', 'add', places.podNetwork, 'dev', seed.interfaceName, 'src', addresses.seed)
      await rig.shoot.run('ip', 'route', 'add', addresses.seed, 'dev', shoot.interfaceName)
    },
  }
}

async function startEnd(
  { clock, laboratory }: BenchContext,
  options: {
    readonly end: 'seed' | 'shoot'
    readonly namespace: Namespace
    readonly program: string
    readonly label: string
  },
) {
  const { end, namespace, program, label } = options
  const interfaceName = `${label}${end.slice(0, 2)}${laboratory.id}`
  const socketPath = socketPathOf(interfaceName)
  laboratory.removeLater(socketPath)
  const running = startProgram(namespace, { program, args: ['--foreground', interfaceName] })
  const device = createUapiDevice(createUapiClient({ clock, socketPath }))
  await eventually(`wireguard-go of the ${end}`, () => device.read())
  await namespace.run('ip', 'address', 'add', `${addresses[end]}/32`, 'dev', interfaceName)
  await namespace.run('ip', 'link', 'set', 'dev', interfaceName, 'up')
  return { device, interfaceName, processId: running.processId }
}
