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
import { defaultMemoryLimitMebibytes, startWireGuardGo } from './wireguard-go.ts'

/** Streams at a time, and what each sends and gets back. */
const streams = 8
const bytesEach = 12_000_000
/** Its own code and stacks, which the limit does not count or counts late. */
const slackMebibytes = 16

describe('the memory of wireguard-go', () => {
  it('stays within its limit while streams in both directions fill it', async () => {
    await using laboratory = openLaboratory()
    const [one, two] = await Promise.all([laboratory.namespace('one'), laboratory.namespace('two')])
    await laboratory.cable(
      { in: one, interfaceName: 'eth0', address: '10.1.0.1/24' },
      { in: two, interfaceName: 'eth0', address: '10.1.0.2/24' },
    )
    const keys = [generatePrivateKey(createSystemRandom()), generatePrivateKey(createSystemRandom())] as const
    await using near = await openEnd(laboratory, one, 1)
    await using far = await openEnd(laboratory, two, 2)
    await near.go.device.apply(configurationOf(keys[0], publicKeyOf(keys[1]), 2))
    await far.go.device.apply(configurationOf(keys[1], publicKeyOf(keys[0]), 1))
    await startEcho(two, '192.168.77.2')
    await eventually('the tunnel', async () => ((await echo(one, 5)).bytes === 5 ? true : undefined))

    const peaks: number[] = []
    const watching = new AbortController()
    const watched = watch(near.processId(), watching.signal, (resident) => peaks.push(resident))
    const answers = await Promise.all(Array.from({ length: streams }, () => echo(one, bytesEach)))
    watching.abort()
    await watched
    expect(answers.map(({ bytes }) => bytes)).toEqual(Array(streams).fill(bytesEach))
    expect(peaks.length).toBeGreaterThan(5)
    expect(Math.max(...peaks)).toBeLessThan(defaultMemoryLimitMebibytes + slackMebibytes)
    expect(near.go.restarts()).toBe(0)
  }, 90_000)
})

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
  return { go, processId: () => processId, [Symbol.asyncDispose]: () => go[Symbol.asyncDispose]() }
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

/** Tells resident memory in MiB ten times a second until the signal aborts. */
async function watch(processId: number, signal: AbortSignal, tell: (resident: number) => void): Promise<void> {
  const clock = createSystemClock()
  while (!signal.aborted) {
    const status = await readFile(`/proc/${processId}/status`, 'utf8')
    tell(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024)
    await clock.sleep(100, signal).catch(() => {})
  }
}
