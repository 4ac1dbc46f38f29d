import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  allowUdp,
  blockUdp,
  fallbackFields,
  pairWithFallback,
  relayPort,
  untilTransport,
} from '@trellis/vpn-shoot/testing/fallback'
import { type EndFile, openPair, type Pair } from '@trellis/vpn-shoot/testing/pair'
import { openStream } from '@trellis/vpn-shoot/testing/stream'
import { eventually } from 'node-wireguard/testing/eventually'
import { places } from 'node-wireguard/testing/landscape'
import { never } from 'node-wireguard/testing/never'
import { relayServerName } from 'node-wireguard/testing/relay-ends'
import { expect, it } from 'vitest'

const seedPod = '10.1.0.2'

/** Both ends as they ship, with the door in place of the landscape's own, and nothing else between both sides. */
async function openPairBehindDoor(): Promise<{ readonly pair: Pair; readonly restartDoor: () => Promise<void> }> {
  let publicKey: unknown
  const pair = await openPair(async ({ laboratory }) => {
    const options = pairWithFallback(await fallbackFields(laboratory))
    const shoot = (file: EndFile) => {
      publicKey = file.links[0].peer.publicKey
      return options.shoot(file)
    }
    return { ...options, shoot }
  })
  return { pair, restartDoor: await startDoor(pair, publicKey) }
}

/** Starts it, and gives what kills it and starts it again. */
async function startDoor({ landscape, laboratory }: Pair, publicKey: unknown): Promise<() => Promise<void>> {
  const { door } = landscape
  const rules = `delete table ip front
    table inet blockade {
      chain passing { type filter hook forward priority filter; ct status dnat accept; drop; }
    }`
  await door.feed(rules.replaceAll(';', '\n').replaceAll('{', '{\n').replaceAll('}', '\n}'), 'nft', '-f', '-')
  const directory = await mkdtemp(join(tmpdir(), 'front-door-'))
  laboratory.removeLater(directory)
  const destinations = {
    tunnels: [{ name: 'one', publicKeys: [publicKey], address: seedPod, port: 51_820 }],
    servers: [{ serverNames: [relayServerName], targets: [{ address: seedPod, port: relayPort }] }],
  }
  await writeFile(join(directory, 'destinations.json'), JSON.stringify(destinations))
  const configuration = {
    destinations: { files: join(directory, 'destinations.json') },
    udp: { addresses: [places.doorAddress], port: places.doorPort, forwarding: 'kernel' },
    tls: { addresses: [places.doorAddress], port: 443 },
    healthHost: '127.0.0.1',
    healthPort: 9112,
  }
  await writeFile(join(directory, 'config.json'), JSON.stringify(configuration))
  const program = fileURLToPath(new URL('./main.ts', import.meta.url))
  const start = async () => {
    const child = door.start(process.execPath, [program, '--config', join(directory, 'config.json')])
    await eventually('the door', () => door.run('curl', '-sf', 'http://127.0.0.1:9112/readyz'))
    return child
  }
  let running = await start()
  return async () => {
    const gone = once(running, 'exit')
    running.kill('SIGKILL')
    await gone
    running = await start()
  }
}

it('carries a tunnel by UDP and inside TLS, and from one to the other in both directions', async () => {
  const { pair } = await openPairBehindDoor()
  await using _ = pair
  const { door } = pair.landscape
  const block = () => blockUdp(pair.landscape)
  const allow = () => allowUdp(pair.landscape)
  const transports = (wanted: 'udp' | 'tls') => untilTransport([pair.seed, pair.shoot], wanted)
  // The door does not see the session of a tunnel that begins inside TLS.
  await block()
  await pair.seed.start()
  await pair.shoot.start()
  await transports('tls')
  await pair.connected()
  const stream = openStream(pair.seed.namespace)
  await stream.sinceLast()
  await allow()
  await transports('udp')
  expect((await stream.sinceLast()).lost).toBe(0)
  await block()
  await transports('tls')
  // How soon an end goes inside TLS is its own affair; it finds the door open.
  expect((await stream.sinceLast()).longestGapMilliseconds).toBeLessThan(never)
  expect(await pair.connect(places.podAddress, places.echoPort, 5_000_000)).toMatchObject({ bytes: 5_000_000 })
  await allow()
  await transports('udp')
  expect((await stream.sinceLast()).lost).toBe(0)
  const status = JSON.parse(await door.run('curl', '-sf', 'http://127.0.0.1:9112/status'))
  expect(status.tls.results.passed).toBeGreaterThanOrEqual(1)
  // The device's own socket, and for some seconds the relay's.
  expect(status.flows.kernel).toBeGreaterThanOrEqual(1)
})

it('is killed and started again under load, and no connection through it breaks', async () => {
  const { pair, restartDoor } = await openPairBehindDoor()
  await using _ = pair
  await pair.seed.start()
  await pair.shoot.start()
  await pair.connected()
  const stream = openStream(pair.seed.namespace)
  await stream.sinceLast()
  let working = true
  const load = (async () => {
    const rounds: object[] = []
    while (working) rounds.push(await pair.connect(places.podAddress, places.echoPort, 20_000_000))
    return rounds
  })()
  for (let count = 0; count < 3; count++) {
    await restartDoor()
    const interruption = await stream.sinceLast()
    process.stdout.write(`${JSON.stringify({ doorRestarted: interruption })}\n`)
    expect(interruption.longestGapMilliseconds).toBeLessThan(never)
  }
  working = false
  for (const round of await load) expect(round).toMatchObject({ bytes: 20_000_000 })
  await pair.connected()
})
