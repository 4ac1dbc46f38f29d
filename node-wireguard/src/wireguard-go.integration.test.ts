import { readFile } from 'node:fs/promises'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { eventually } from '../testing/eventually.ts'
import { startEcho, testProgram } from '../testing/landscape.ts'
import { type Laboratory, type Namespace, openLaboratory, runnerIn } from '../testing/namespaces.ts'
import { wireGuardGoProgram } from '../testing/programs.ts'
import { parseCidr } from './address.ts'
import { parseResolvedEndpoint } from './endpoint.ts'
import { generatePrivateKey, publicKeyOf } from './key.ts'
import type { Launch } from './launcher.ts'
import { ensureLink } from './link.ts'
import { socketPathOf } from './uapi-client.ts'
import { startWireGuardGo } from './wireguard-go.ts'

/** Streams at a time, and what each sends and gets back. */
const streams = 8
const bytesEach = 12_000_000
/** Most that is resident at any time, in MiB: streams were seen to take 20, floods less; buffers of 64 KiB that were kept in the heap took 200. */
const mostMebibytes = 40
/** Peers that never answer, each with packets that wait for it. */
const silentPeers = 40

describe('the memory of wireguard-go', () => {
  it('is small while streams in both directions fill it, and goes back after them', async () => {
    await using tunnel = await openTunnel()
    const { one, near, watchPeak } = tunnel
    await using watched = watchPeak()
    const answers = await Promise.all(Array.from({ length: streams }, () => echo(one, bytesEach)))
    expect(answers.map(({ bytes }) => bytes)).toEqual(Array(streams).fill(bytesEach))
    const { peak, readings } = watched
    expect(readings()).toBeGreaterThan(5)
    expect(peak()).toBeLessThan(mostMebibytes)
    expect(near.go.restarts()).toBe(0)
    await eventually('memory given back', async () => ((await residentOf(near.processId())) < 12 ? true : undefined))
  }, 90_000)

  it('is small under a flood from outside and with many peers that never answer, and the tunnel goes on', async () => {
    await using tunnel = await openTunnel()
    const { one, two, near, keys, watchPeak } = tunnel
    const silent = Array.from({ length: silentPeers }, (_, index) => ({
      publicKey: publicKeyOf(generatePrivateKey(createSystemRandom())),
      // Nobody is there.
      endpoint: parseResolvedEndpoint(`10.1.0.99:${1000 + index}`),
      allowedAddresses: [parseCidr(`10.9.${index}.0/24`)],
    }))
    const configuration = configurationOf(keys[0], publicKeyOf(keys[1]), 2)
    await near.go.device.apply({ ...configuration, peers: [...configuration.peers, ...silent] })
    await one.run('ip', 'route', 'add', '10.9.0.0/16', 'dev', near.interfaceName)
    await using watched = watchPeak()
    const floods = [
      flood(two, ['10.1.0.1']),
      flood(
        one,
        silent.map((_, index) => `10.9.${index}.1`),
      ),
    ]
    expect(Math.min(...(await Promise.all(floods)))).toBeGreaterThan(1000)
    expect(watched.peak()).toBeLessThan(mostMebibytes)
    expect(near.go.restarts()).toBe(0)
    await eventually('the tunnel after the flood', async () => ((await echo(one, 5)).bytes === 5 ? true : undefined))
  }, 90_000)
})

/** Two namespaces with a tunnel between them, and something in the second that echoes. */
async function openTunnel() {
  await using stack = new AsyncDisposableStack()
  const laboratory = stack.use(openLaboratory())
  const [one, two] = await Promise.all([laboratory.namespace('one'), laboratory.namespace('two')])
  await laboratory.cable(
    { in: one, interfaceName: 'eth0', address: '10.1.0.1/24' },
    { in: two, interfaceName: 'eth0', address: '10.1.0.2/24' },
  )
  const keys = [generatePrivateKey(createSystemRandom()), generatePrivateKey(createSystemRandom())] as const
  const near = stack.use(await openEnd(laboratory, one, 1))
  const far = stack.use(await openEnd(laboratory, two, 2))
  await near.go.device.apply(configurationOf(keys[0], publicKeyOf(keys[1]), 2))
  await far.go.device.apply(configurationOf(keys[1], publicKeyOf(keys[0]), 1))
  await startEcho(two, '192.168.77.2')
  await eventually('the tunnel', async () => ((await echo(one, 5)).bytes === 5 ? true : undefined))
  const owned = stack.move()
  return {
    ...{ one, two, near, keys },
    watchPeak: () => watchPeak(near.processId()),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

async function openEnd(laboratory: Laboratory, namespace: Namespace, number: 1 | 2) {
  const interfaceName = `mm${laboratory.id}${number}`
  await ensureLink(runnerIn(namespace), interfaceName, 'userspace')
  const socketPath = socketPathOf(interfaceName)
  laboratory.removeLater(socketPath)
  let processId = 0
  const launch: Launch = (program, args, { environment }) => {
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    const child = namespace.start('env', [...variables, program, ...args])
    processId = child.pid ?? 0
    const ended = new Promise<string>((resolve) => child.on('exit', (code) => resolve(`exit code ${code}`)))
    return { ended, terminate: () => void child.kill('SIGTERM'), kill: () => void child.kill('SIGKILL') }
  }
  const go = await startWireGuardGo({
    ...{ clock: createSystemClock(), random: createSystemRandom(), log: createSilentLog() },
    ...{ interfaceName, socketPath, launch, program: wireGuardGoProgram() },
  })
  await namespace.run('ip', 'address', 'add', `192.168.77.${number}/24`, 'dev', interfaceName)
  await namespace.run('ip', 'link', 'set', 'dev', interfaceName, 'mtu', '1420', 'up')
  return { go, interfaceName, processId: () => processId, [Symbol.asyncDispose]: () => go[Symbol.asyncDispose]() }
}

function configurationOf(
  privateKey: ReturnType<typeof generatePrivateKey>,
  publicKey: ReturnType<typeof publicKeyOf>,
  other: 1 | 2,
) {
  const endpoint = parseResolvedEndpoint(`10.1.0.${other}:51820`)
  return {
    privateKey,
    listenPort: 51_820,
    peers: [{ publicKey, endpoint, allowedAddresses: [parseCidr('192.168.77.0/24')] }],
  }
}

async function echo(from: Namespace, bytes: number): Promise<{ readonly bytes?: number }> {
  return JSON.parse(await from.run(process.execPath, testProgram('connect'), '192.168.77.2', '7', String(bytes)))
}

/** Sends for some seconds and tells how many datagrams. */
async function flood(from: Namespace, addresses: readonly string[]): Promise<number> {
  const said = await from.run(process.execPath, testProgram('flood'), addresses.join(), '51820', '3')
  return (JSON.parse(said) as { readonly sent: number }).sent
}

async function residentOf(processId: number): Promise<number> {
  const status = await readFile(`/proc/${processId}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

/** Reads resident memory ten times a second until it is disposed of. */
function watchPeak(processId: number) {
  const over = new AbortController()
  const clock = createSystemClock()
  const seen: number[] = []
  const watching = (async () => {
    while (!over.signal.aborted) {
      seen.push(await residentOf(processId))
      await clock.sleep(100, over.signal).catch(() => {})
    }
  })()
  return {
    peak: () => Math.max(...seen),
    readings: () => seen.length,
    [Symbol.asyncDispose]: async () => {
      over.abort()
      await watching
    },
  }
}
