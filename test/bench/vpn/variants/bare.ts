import { hostCidr, parseCidr, parseIpAddress } from 'node-wireguard/address'
import { parseResolvedEndpoint } from 'node-wireguard/endpoint'
import { generatePrivateKey, publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import type { Namespace } from 'node-wireguard/testing/namespaces'
import { createUapiClient, socketPathOf } from 'node-wireguard/uapi-client'
import { createUapiDevice } from 'node-wireguard/uapi-device'
import type { BenchContext } from '../context.ts'
import { wireGuardGo } from '../programs.ts'
import { buildRig, places } from '../rig.ts'
import { startProgram } from '../running-program.ts'
import type { Variant } from './variant.ts'

const port = 51_820
const addresses = { seed: '192.168.123.1', shoot: '192.168.123.2' } as const

/** Two processes of wireguard-go as it comes: no limit of memory, no firewall, nobody who watches. */
export const openBare: Variant = async (context) => {
  const { laboratory, random } = context
  const rig = await buildRig(laboratory, 'bare')
  const program = await wireGuardGo(context)
  const keys = { seed: generatePrivateKey(random), shoot: generatePrivateKey(random) }
  const start = (end: 'seed' | 'shoot') => startEnd(context, { end, namespace: rig[end], program })
  const [seed, shoot] = [await start('seed'), await start('shoot')]
  await seed.device.apply({
    privateKey: keys.seed,
    listenPort: port,
    peers: [
      {
        publicKey: publicKeyOf(keys.shoot),
        allowedAddresses: [hostCidr(parseIpAddress(addresses.shoot)), parseCidr(places.podNetwork)],
      },
    ],
  })
  await shoot.device.apply({
    privateKey: keys.shoot,
    peers: [
      {
        publicKey: publicKeyOf(keys.seed),
        endpoint: parseResolvedEndpoint(`${places.seed}:${port}`),
        persistentKeepaliveSeconds: 25,
        allowedAddresses: [hostCidr(parseIpAddress(addresses.seed))],
      },
    ],
  })
  await rig.seed.run('ip', 'route', 'add', places.podNetwork, 'dev', seed.interfaceName, 'src', addresses.seed)
  await rig.shoot.run('ip', 'route', 'add', addresses.seed, 'dev', shoot.interfaceName)
  return { rig, seedProcesses: async () => ({ 'wireguard-go': seed.processId }) }
}

async function startEnd(
  { clock, laboratory }: BenchContext,
  options: { readonly end: 'seed' | 'shoot'; readonly namespace: Namespace; readonly program: string },
) {
  const { end, namespace, program } = options
  const interfaceName = `b${end.slice(0, 2)}${laboratory.id}`
  const socketPath = socketPathOf(interfaceName)
  laboratory.removeLater(socketPath)
  const running = startProgram(namespace, { program, args: ['--foreground', interfaceName] })
  const device = createUapiDevice(createUapiClient({ clock, socketPath }))
  await eventually(`wireguard-go of the ${end}`, () => device.read())
  await namespace.run('ip', 'address', 'add', `${addresses[end]}/32`, 'dev', interfaceName)
  await namespace.run('ip', 'link', 'set', 'dev', interfaceName, 'up')
  return { device, interfaceName, processId: running.processId }
}
