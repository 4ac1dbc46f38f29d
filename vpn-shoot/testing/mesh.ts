import { mkdtemp, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemRandom } from '@trellis/foundation/random'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import { buildLandscape, type Landscape, places, testProgram } from 'node-wireguard/testing/landscape'
import { type Laboratory, type Namespace, openLaboratory } from 'node-wireguard/testing/namespaces'
import { never } from 'node-wireguard/testing/never'
import { createEnd, type End, healthPort, userspace } from './end.ts'

/** Several ends on both sides, each joined with each of the other side. */
export interface Mesh extends AsyncDisposable {
  readonly laboratory: Laboratory
  readonly landscape: Landscape
  readonly seeds: readonly End[]
  readonly shoots: readonly End[]
  /** A replica in a pod of its own with the configuration of another, whose place it takes; starts nothing. */
  replacementOf(replica: End): Promise<End>
  /** Writes the configurations anew, for links of these generations: each has keys of its own. A preshared key may be another than before. */
  configure(generations: readonly number[], presharedKeys?: number): Promise<void>
  /** Puts something that is no configuration in place of all of them. */
  spoil(): Promise<void>
  start(): Promise<void>
  /** Waits until every link of every end answers. */
  connected(): Promise<void>
  /** Connects from a seed's pod to the pod and sends bytes back and forth; gives up after `never` without any, unless told. */
  connect(
    seed: End,
    bytes?: number,
    patienceMilliseconds?: number,
  ): Promise<{ problem?: string; bytes?: number; seconds?: number }>
}

/** What differs from the usual: two ends on each side. */
export interface MeshOptions {
  readonly seeds?: number
  readonly shoots?: number
  /** More fields for every configuration file of a side. */
  readonly more?: Readonly<Partial<Record<'seed' | 'shoot', object>>>
  /** `fallback` of each peer at a shoot's end. */
  readonly fallback?: object
  readonly networks?: object
  readonly tunnelAddresses?: (side: 'seed' | 'shoot', index: number) => readonly string[]
}

/** Builds the landscape with the further ends and writes all configurations; starts nothing. Options may need something that goes with the laboratory. */
export async function openMesh(
  bend: MeshOptions | ((place: { readonly laboratory: Laboratory }) => Promise<MeshOptions>) = {},
): Promise<Mesh> {
  const laboratory = openLaboratory()
  const options = typeof bend === 'function' ? await bend({ laboratory }) : bend
  const landscape = await buildLandscape(laboratory)
  const directory = await mkdtemp(join(tmpdir(), 'trellis-mesh-'))
  laboratory.removeLater(directory)
  const counts = { seed: options.seeds ?? 2, shoot: options.shoots ?? 2 }
  const places = { seed: [landscape.seed], shoot: [landscape.vpn] }
  await leadTo(landscape.door, firstPort(0), '10.1.0.2')
  for (let index = 1; index < counts.seed; index++) places.seed.push(await addSeed(laboratory, landscape, index))
  for (let index = 1; index < counts.shoot; index++) places.shoot.push(await addReplica(laboratory, landscape, index))
  const write = createWriter({ laboratory, directory, counts, options })
  await write([1])
  const ends = (side: 'seed' | 'shoot') =>
    places[side].map((namespace, index) =>
      createEnd(side, namespace, linkName(laboratory, side, index, 0, 1), fileOf(directory, side, index)),
    )
  const [seeds, shoots] = [ends('seed'), ends('shoot')]
  const all = [...seeds, ...shoots]
  return {
    ...{ laboratory, landscape, seeds, shoots },
    configure: write,
    replacementOf: async (replica) => {
      const index = shoots.indexOf(replica)
      // Pods are numbered on.
      const pod = await addReplica(laboratory, landscape, counts.shoot + index)
      return createEnd('shoot', pod, replica.interfaceName, fileOf(directory, 'shoot', index))
    },
    spoil: async () => {
      for (const side of ['seed', 'shoot'] as const)
        for (let index = 0; index < counts[side]; index++) await writeFile(fileOf(directory, side, index), '{')
    },
    start: async () => {
      for (const end of all) await end.start()
    },
    connected: async () => {
      for (const end of all) {
        await eventually(`every link of a ${end.label}`, async () => {
          const { links } = await end.status()
          return links.every((link) => link.up) ? true : undefined
        })
      }
    },
    connect: async (seed, bytes = 5, patience = never) => {
      const args = [testProgram('connect'), ...echoOfPod, String(bytes), String(patience)]
      return JSON.parse(await seed.namespace.run(process.execPath, ...args))
    },
    [Symbol.asyncDispose]: () => laboratory[Symbol.asyncDispose](),
  }
}

const echoOfPod = [places.podAddress, String(places.echoPort)] as const

interface Writing {
  readonly laboratory: Laboratory
  readonly directory: string
  readonly counts: Readonly<Record<'seed' | 'shoot', number>>
  readonly options: MeshOptions
}

type Side = 'seed' | 'shoot'
const otherSide = { seed: 'shoot', shoot: 'seed' } as const

/** Keys are made when they are first needed and stay. */
function createWriter({ laboratory, directory, counts, options }: Writing) {
  const random = createSystemRandom()
  const keys = new Map<string, string>()
  const usualAddresses = (side: Side, index: number) => [`192.168.123.${(side === 'seed' ? 10 : 20) + index}`]
  const tunnelAddresses = options.tunnelAddresses ?? usualAddresses

  async function keyFile(name: string, make: () => string): Promise<string> {
    const path = join(directory, name)
    if (!keys.has(name)) {
      keys.set(name, make())
      await writeFile(path, keys.get(name) ?? '', { mode: 0o400 })
    }
    return path
  }

  async function linkOf(side: Side, seed: number, shoot: number, generation: number, presharedKeys: number) {
    const name = `${seed}-${shoot}-${generation}`
    const own = side === 'seed' ? seed : shoot
    const other = side === 'seed' ? shoot : seed
    const number = 32 * seed + 8 * shoot + generation
    const addresses = { seed: `192.168.124.${2 * number}`, shoot: `192.168.124.${2 * number + 1}` }
    const port = firstPort(seed) + 4 * shoot + generation
    const privateKeyFile = await keyFile(`${side}-${name}`, () => generatePrivateKey(random))
    await keyFile(`${otherSide[side]}-${name}`, () => generatePrivateKey(random))
    const interfaceName = linkName(laboratory, side, own, other, generation)
    laboratory.removeLater(`/var/run/wireguard/${interfaceName}.sock`)
    return {
      interface: interfaceName,
      privateKeyFile,
      addresses: [addresses[side]],
      ...(side === 'seed' ? { listenPort: port } : {}),
      peer: {
        name: `${otherSide[side]}-${other}`,
        publicKey: publicKeyOf((keys.get(`${otherSide[side]}-${name}`) ?? '') as Parameters<typeof publicKeyOf>[0]),
        presharedKeyFile: await keyFile(`preshared-${name}-${presharedKeys}`, () => generatePresharedKey(random)),
        addresses: [addresses[otherSide[side]]],
        tunnelAddresses: tunnelAddresses(otherSide[side], other),
        ...(side === 'shoot' ? { endpoint: `${places.doorAddress}:${port}`, fallback: options.fallback } : {}),
      },
    }
  }

  async function writeEnd(side: Side, index: number, generations: readonly number[], presharedKeys: number) {
    const links: object[] = []
    for (let other = 0; other < counts[otherSide[side]]; other++) {
      const [seed, shoot] = side === 'seed' ? [index, other] : [other, index]
      for (const generation of generations) links.push(await linkOf(side, seed, shoot, generation, presharedKeys))
    }
    const file = {
      networks: options.networks ?? places.networks,
      healthPort,
      ...userspace(),
      tunnelAddresses: tunnelAddresses(side, index),
      links,
      ...options.more?.[side],
    }
    const path = fileOf(directory, side, index)
    await writeFile(`${path}.new`, JSON.stringify(file))
    await rename(`${path}.new`, path)
  }

  return async (generations: readonly number[], presharedKeys = 1) => {
    for (const side of ['seed', 'shoot'] as const)
      for (let index = 0; index < counts[side]; index++) await writeEnd(side, index, generations, presharedKeys)
  }
}

function fileOf(directory: string, side: Side, index: number): string {
  return join(directory, `${side}-${index}.json`)
}

function linkName({ id }: Laboratory, side: Side, own: number, other: number, generation: number): string {
  return `${side === 'seed' ? 's' : 't'}${own}${other}g${generation}${id}`
}

/** Ports of the front door that lead to a seed's pod, and the ports of that pod. */
function firstPort(seed: number): number {
  return places.doorPort + 20 * seed
}

async function addSeed(laboratory: Laboratory, { door }: Landscape, index: number): Promise<Namespace> {
  const seed = await laboratory.namespace(`seed${index}`)
  const address = `10.1.${index}.2`
  await laboratory.cable(
    { in: seed, interfaceName: 'eth0', address: `${address}/24` },
    { in: door, interfaceName: `seed${index}`, address: `10.1.${index}.1/24` },
  )
  await seed.run('ip', 'route', 'add', 'default', 'via', `10.1.${index}.1`)
  await leadTo(door, firstPort(index), address)
  await door.feed(
    `add rule ip front postrouting iifname "shoot" oifname "seed${index}" masquerade\n`,
    ...(['nft', '-f', '-'] as const),
  )
  return seed
}

async function leadTo(door: Namespace, first: number, address: string): Promise<void> {
  await door.feed(
    `add rule ip front prerouting ip daddr ${places.doorAddress} udp dport ${first}-${first + 19} dnat to ${address}\n`,
    ...(['nft', '-f', '-'] as const),
  )
}

async function addReplica(laboratory: Laboratory, { node }: Landscape, index: number): Promise<Namespace> {
  const replica = await laboratory.namespace(`vpn${index}`)
  const address = `100.96.0.${10 + index}`
  const interfaceName = `pod${10 + index}`
  await laboratory.cable(
    { in: replica, interfaceName: 'eth0', address: `${address}/24` },
    { in: node, interfaceName, address: '100.96.0.1/32' },
  )
  await replica.run('ip', 'route', 'flush', 'dev', 'eth0')
  await replica.run('ip', 'route', 'add', '100.96.0.1', 'dev', 'eth0')
  await replica.run('ip', 'route', 'add', 'default', 'via', '100.96.0.1')
  await node.run('ip', 'route', 'add', `${address}/32`, 'dev', interfaceName)
  return replica
}
