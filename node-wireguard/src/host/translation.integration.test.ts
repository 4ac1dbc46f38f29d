import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { places, startEcho, testProgram } from '../../testing/landscape.ts'
import { type Laboratory, type Namespace, openLaboratory, runnerIn, settingsIn } from '../../testing/namespaces.ts'
import { startUserspaceDevice } from '../../testing/userspace-device.ts'
import { type Cidr, familyOf, hostCidr, parseCidr, parseIpAddress } from '../address.ts'
import { generatePrivateKey, type PrivateKey, publicKeyOf } from '../key.ts'
import type { HostConfiguration } from './configuration.ts'
import { createHost } from './host.ts'
import { mapNetworks } from './mapping.ts'

const cidrs = (...texts: readonly string[]) => texts.map((text) => parseCidr(text))
/** Both sides have these networks, and a pod with the same addresses in them. */
const networks = cidrs('10.0.0.0/16', 'fd00:10::/64')
const pod = { 4: '10.0.1.9', 6: 'fd00:10::9' } as const
const mappings = mapNetworks({ networks, pools: cidrs('244.0.0.0/8', 'fd99::/32') })
const groupId = 31_415
const near = ['192.168.123.1', 'fd8f::1'].map((text) => parseIpAddress(text))
const far = ['192.168.123.2', 'fd8f::2'].map((text) => parseIpAddress(text))

describe('two sides with the same networks', () => {
  const random = createSystemRandom()
  const keys = { near: generatePrivateKey(random), far: generatePrivateKey(random) }
  let laboratory: Laboratory
  let nearHost: Namespace
  let nearPod: Namespace
  let farPod: Namespace

  beforeAll(async () => {
    laboratory = openLaboratory()
    nearHost = await laboratory.namespace('near')
    const farHost = await laboratory.namespace('far')
    nearPod = await laboratory.namespace('nearpod')
    farPod = await laboratory.namespace('farpod')
    await laboratory.cable(
      { in: nearHost, interfaceName: 'out', address: '198.18.0.1/24' },
      { in: farHost, interfaceName: 'out', address: '198.18.0.2/24' },
    )
    for (const [host, end] of [
      [nearHost, nearPod],
      [farHost, farPod],
    ] as const)
      await attachPod(laboratory, host, end)
    // Both families.
    await startEcho(farPod, '::')
    await openEnd(laboratory, nearHost, `wgn${laboratory.id}`, {
      ...{ own: near, peers: far, privateKey: keys.near, peerKey: keys.far, dial: undefined, mtu: 1420 },
      routes: mappings.map(({ mapped }) => mapped),
      translation: { own: [], remote: mappings.map((mapping) => ({ ...mapping, groupId })) },
      forwardTo: [],
    })
    await openEnd(laboratory, farHost, `wgf${laboratory.id}`, {
      ...{ own: far, peers: near, privateKey: keys.far, peerKey: keys.near, dial: '198.18.0.1', mtu: 1300 },
      routes: [],
      translation: { own: mappings, remote: [] },
      forwardTo: networks,
    })
  })

  afterAll(async () => {
    await laboratory[Symbol.asyncDispose]()
  })

  /** Who has a connection to the echo after this work: the near pod, the far one, or nobody. */
  async function connect(family: 4 | 6, asGroup: boolean, bytes = 5): Promise<{ bytes?: number; problem?: string }> {
    const words = [process.execPath, testProgram('connect'), pod[family], String(places.echoPort), String(bytes)]
    const group = asGroup ? ['setpriv', '--regid', String(groupId), '--clear-groups'] : []
    const [program = '', ...args] = [...group, ...words]
    return JSON.parse(await nearHost.run(program, ...args))
  }

  it.each([4, 6] as const)(
    'reach each the right pod over IPv%i: by group the far one, else the near one',
    async (family) => {
      expect(await eventually('the far pod', async () => answered(await connect(family, true)))).toMatchObject({
        bytes: 5,
      })
      // Nobody listens on the near pod, which says so at once: the packet has not left by the tunnel.
      expect(await connect(family, false)).toEqual({ problem: 'ECONNREFUSED' })
      expect(await connect(family, true, 200_000)).toMatchObject({ bytes: 200_000 })
    },
  )

  it.each([4, 6] as const)('have segments that fit the narrower end over IPv%i', async (family) => {
    const words = [testProgram('connect'), pod[family], String(places.echoPort), '50000000']
    const child = nearHost.start('setpriv', ['--regid', String(groupId), '--clear-groups', process.execPath, ...words])
    const size = await eventually('a connection', async () => {
      const shown = await farPod.run('ss', '-HOtni', 'state', 'established', `( sport = :${places.echoPort} )`)
      const line = shown.split('\n').find((each) => each !== '' && each.includes('::ffff:') === (family === 4))
      const found = /\bmss:(\d+)/.exec(line ?? '')?.[1]
      return found === undefined ? undefined : Number(found)
    })
    child.kill('SIGKILL')
    // Addresses and ports, and the twelve bytes of a time stamp, which is not part of what is announced.
    expect(size).toBeLessThanOrEqual(1300 - (family === 6 ? 60 : 40))
    expect(size).toBeGreaterThan(1300 - 100)
  })
})

function answered<Answer extends { readonly bytes?: number }>(answer: Answer): Answer | undefined {
  return answer.bytes === undefined ? undefined : answer
}

async function attachPod(laboratory: Laboratory, host: Namespace, end: Namespace): Promise<void> {
  await laboratory.cable(
    { in: host, interfaceName: 'pods', address: '10.0.1.1/16' },
    { in: end, interfaceName: 'eth0', address: `${pod[4]}/16` },
  )
  await host.run('ip', 'address', 'add', 'fd00:10::1/64', 'dev', 'pods', 'nodad')
  await end.run('ip', 'address', 'add', `${pod[6]}/64`, 'dev', 'eth0', 'nodad')
  await host.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
}

interface EndOptions {
  readonly own: HostConfiguration['addresses']
  readonly peers: HostConfiguration['addresses']
  readonly privateKey: PrivateKey
  readonly peerKey: PrivateKey
  readonly dial: string | undefined
  readonly mtu: number
  readonly routes: readonly Cidr[]
  readonly translation: NonNullable<HostConfiguration['firewall']['translation']>
  readonly forwardTo: readonly Cidr[]
}

/** Brings up one end: device and host. */
async function openEnd(laboratory: Laboratory, namespace: Namespace, name: string, options: EndOptions): Promise<void> {
  const { own, peers, routes, translation, forwardTo } = options
  const device = await startUserspaceDevice(laboratory, namespace, name)
  await device.apply({
    privateKey: options.privateKey,
    listenPort: 51_820,
    peers: [
      {
        publicKey: publicKeyOf(options.peerKey),
        endpoint: options.dial === undefined ? undefined : { host: parseIpAddress(options.dial), port: 51_820 },
        persistentKeepaliveSeconds: options.dial === undefined ? 0 : 25,
        allowedAddresses: [...peers.map(hostCidr), ...routes],
      },
    ],
  })
  const source = (cidr: Cidr) => own.find((address) => familyOf(address) === familyOf(cidr))
  const host = createHost(runnerIn(namespace), settingsIn(namespace))
  const configuration: HostConfiguration = {
    links: [{ interfaceName: name, maximumTransmissionUnit: options.mtu }],
    addresses: own,
    routes: [...peers.map(hostCidr), ...routes].map((destination) => ({ destination, source: source(destination) })),
    firewall: { tableName: 'tunnel', probePort: 5400, peerAddresses: peers, forwardTo, translation },
    forwarding: forwardTo.length === 0 ? [] : [4, 6],
  }
  await host.apply(configuration)
  expect(await host.apply(configuration)).toEqual([])
}
