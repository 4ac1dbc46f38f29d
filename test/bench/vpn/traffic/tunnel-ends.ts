import { readFile } from 'node:fs/promises'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { createLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { hostCidr, parseIpAddress } from 'node-wireguard/address'
import { parseResolvedEndpoint } from 'node-wireguard/endpoint'
import { parsePrivateKey, parsePublicKey } from 'node-wireguard/key'
import { readHome } from 'node-wireguard/path/home'
import { startPathProbe } from 'node-wireguard/path/probe'
import { startWireGuardGo } from 'node-wireguard/wireguard-go'
import type { TunnelEndRequest } from './tunnel-ends-request.ts'

/**
 * A program that is one end of many tunnels, each with a wireguard-go and a probe of its own. It starts all that the file it is given holds (`TunnelEndRequest[]`), and prints
 * `{"started","up","at"}` whenever one more has been set up or the number of those whose other end answers changes.
 */
const clock = createSystemClock()
const random = createSystemRandom()
const runner = createCommandRunner()
const log = createLog('tunnel-ends', 'warn')
const probePort = 5400
const probeMilliseconds = 500

const up = new Set<string>()
let started = 0
const [file = ''] = process.argv.slice(2)
await startAll(JSON.parse(await readFile(file, 'utf8')) as readonly TunnelEndRequest[])

function tell(): void {
  process.stdout.write(`${JSON.stringify({ started, up: up.size, at: clock.now() })}\n`)
}

async function startAll(requests: readonly TunnelEndRequest[]): Promise<void> {
  await configure(requests.map(({ interfaceName }) => `tuntap add dev ${interfaceName} mode tun`))
  const waiting = [...requests]
  const startNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await startOne(next)
  }
  // A few at a time: each waits for its process more than it works.
  await Promise.all(Array.from({ length: 4 }, startNext))
}

async function configure(commands: readonly string[]): Promise<void> {
  await runOrThrow(runner, 'ip', ['-batch', '-'], { input: commands.map((command) => `${command}\n`).join('') })
}

async function startOne(request: TunnelEndRequest): Promise<void> {
  const { interfaceName, address, peerAddress, peer, program } = request
  const { device } = await startWireGuardGo({ clock, random, log, interfaceName, program })
  await device.apply({
    privateKey: parsePrivateKey(request.privateKey),
    ...(request.listenPort === undefined ? {} : { listenPort: request.listenPort }),
    peers: [
      {
        publicKey: parsePublicKey(peer.publicKey),
        allowedAddresses: [hostCidr(parseIpAddress(peerAddress))],
        ...(peer.endpoint === undefined
          ? {}
          : { endpoint: parseResolvedEndpoint(peer.endpoint), persistentKeepaliveSeconds: 25 }),
      },
    ],
  })
  // Only now: wireguard-go opens its socket when it sees the interface come up.
  await configure([
    `address add ${address}/32 dev ${interfaceName}`,
    `link set dev ${interfaceName} up`,
    `route add ${peerAddress} dev ${interfaceName}`,
  ])
  await startPathProbe({
    clock,
    random,
    localAddress: parseIpAddress(address),
    peerAddress: parseIpAddress(peerAddress),
    port: probePort,
    intervalMilliseconds: probeMilliseconds,
    home: await readHome(),
    own: () => ({ carries: true, leaving: false }),
    onChange: (state) => {
      if (state.up === up.has(interfaceName)) return
      if (state.up) up.add(interfaceName)
      else up.delete(interfaceName)
      tell()
    },
  })
  started++
  tell()
}
