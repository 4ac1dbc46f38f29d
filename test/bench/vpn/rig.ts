import { fileURLToPath } from 'node:url'
import { eventually } from 'node-wireguard/testing/eventually'
import type { Laboratory, Namespace } from 'node-wireguard/testing/namespaces'
import type { ClientRequest, ClientResult, ConnectProxy } from './traffic/request.ts'

/** A seed and a shoot, each a network namespace, a cable between them that carries packets of at most 1,500 bytes, and a pod behind the shoot's end. */
export interface Rig {
  readonly seed: Namespace
  readonly shoot: Namespace
  readonly pod: Namespace
}

/** Where things are in a rig. The seed has no way to the pod before a variant makes one. */
export const places = {
  seed: '10.1.0.2',
  shoot: '10.1.0.3',
  pod: '100.96.0.3',
  podNetwork: '100.96.0.0/16',
  trafficPort: 5201,
} as const

/** Builds a rig whose pod serves traffic. */
export async function buildRig(laboratory: Laboratory, label: string): Promise<Rig> {
  const seed = await laboratory.namespace(`${label}-seed`)
  const shoot = await laboratory.namespace(`${label}-shoot`)
  const pod = await laboratory.namespace(`${label}-pod`)
  await laboratory.cable(
    { in: seed, interfaceName: 'eth0', address: `${places.seed}/24` },
    { in: shoot, interfaceName: 'eth0', address: `${places.shoot}/24` },
  )
  await laboratory.cable(
    { in: shoot, interfaceName: 'pods', address: '100.96.0.1/16' },
    { in: pod, interfaceName: 'eth0', address: `${places.pod}/16` },
  )
  await pod.run('ip', 'route', 'add', 'default', 'via', '100.96.0.1')
  await shoot.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  const server = pod.start(process.execPath, [traffic('server'), String(places.trafficPort)])
  let said = ''
  server.stdout?.on('data', (bytes: Buffer) => {
    said += bytes.toString()
  })
  server.stderr?.resume()
  await eventually('the traffic server', () => (said.includes('ready') ? true : undefined))
  return { seed, shoot, pod }
}

/** Path of one of the programs that make traffic. */
export function traffic(name: 'server' | 'client' | 'connect' | 'first-answer' | 'tunnel-ends'): string {
  return fileURLToPath(new URL(`./traffic/${name}.ts`, import.meta.url))
}

/** Measures from the seed to the pod. Throws when nothing comes through. */
export async function measureTraffic(
  { seed }: Rig,
  what: Pick<ClientRequest, 'mode' | 'seconds'>,
  proxy?: ConnectProxy,
): Promise<ClientResult> {
  const request: ClientRequest = {
    ...what,
    warmUpSeconds: what.mode === 'echo' ? 0.2 : 0.5,
    address: places.pod,
    port: places.trafficPort,
    ...(proxy === undefined ? {} : { proxy }),
  }
  return JSON.parse(await seed.run(process.execPath, traffic('client'), JSON.stringify(request))) as ClientResult
}

/** For a variant that has just been started. */
const openMilliseconds = 45_000

/** Waits until the pod answers. Throws with the last reason after so long. */
export async function untilAnswered(rig: Rig, proxy?: ConnectProxy): Promise<void> {
  await eventually(
    'an answer of the pod',
    async () => {
      const { roundTripMs } = await measureTraffic(rig, { mode: 'echo', seconds: 0.05 }, proxy)
      return roundTripMs
    },
    openMilliseconds,
  )
}
