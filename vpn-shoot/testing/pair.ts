import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemRandom } from '@trellis/foundation/random'
import { generatePresharedKey, generatePrivateKey, type PrivateKey, publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import { buildLandscape, type Landscape, places, testProgram } from 'node-wireguard/testing/landscape'
import { type Laboratory, type Namespace, openLaboratory } from 'node-wireguard/testing/namespaces'
import { never } from 'node-wireguard/testing/never'
import { createEnd, type End, healthPort, userspace } from './end.ts'

/** Both ends in a landscape of their own. */
export interface Pair extends AsyncDisposable {
  readonly laboratory: Laboratory
  readonly landscape: Landscape
  readonly seed: End
  readonly shoot: End
  /** Waits until both ends see the other. */
  connected(): Promise<void>
  /** Connects from the seed's pod and sends bytes back and forth; gives up after `never` without any, unless told. */
  connect(
    address: string,
    port: number,
    bytes?: number,
    patienceMilliseconds?: number,
  ): Promise<{ problem?: string; bytes?: number; seconds?: number }>
}

/** A link in a configuration file that a test may bend. */
export interface LinkEntry {
  readonly interface: string
  readonly peer: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** A configuration file that a test may bend. */
export interface EndFile {
  readonly links: readonly [LinkEntry]
  readonly tunnelAddresses: readonly string[]
  readonly [field: string]: unknown
}

/** What differs from the usual. */
export interface PairOptions {
  readonly seed?: (file: EndFile) => Record<string, unknown>
  readonly shoot?: (file: EndFile) => Record<string, unknown>
}

/** Changes the only link of a file. */
export function withLink(file: EndFile, change: (link: LinkEntry) => Record<string, unknown>): Record<string, unknown> {
  return { ...file, links: [change(file.links[0])] }
}

/** Builds the landscape and writes both configurations; starts nothing. Options change the configuration files; they may need something that goes with the laboratory. */
export async function openPair(
  bend: PairOptions | ((place: { readonly laboratory: Laboratory }) => Promise<PairOptions>) = {},
): Promise<Pair> {
  const laboratory = openLaboratory()
  const options = typeof bend === 'function' ? await bend({ laboratory }) : bend
  const landscape = await buildLandscape(laboratory)
  const directory = await mkdtemp(join(tmpdir(), 'trellis-vpn-'))
  laboratory.removeLater(directory)
  const random = createSystemRandom()
  const keys = { seed: generatePrivateKey(random), shoot: generatePrivateKey(random) }
  await writeFile(join(directory, 'preshared'), generatePresharedKey(random))
  const usual = usualFiles(laboratory.id, directory, keys)
  const files = { seed: options.seed?.(usual.seed) ?? usual.seed, shoot: options.shoot?.(usual.shoot) ?? usual.shoot }
  for (const label of ['seed', 'shoot'] as const) {
    await writeFile(join(directory, label), keys[label], { mode: 0o400 })
    await writeFile(join(directory, `${label}.json`), JSON.stringify(files[label]))
    laboratory.removeLater(`/var/run/wireguard/${usual[label].links[0].interface}.sock`)
  }
  const end = (label: 'seed' | 'shoot', namespace: Namespace) =>
    createEnd(label, namespace, usual[label].links[0].interface, join(directory, `${label}.json`))
  const seed = end('seed', landscape.seed)
  const shoot = end('shoot', landscape.vpn)
  return {
    laboratory,
    landscape,
    seed,
    shoot,
    connected: async () => {
      for (const one of [seed, shoot])
        await eventually(`the path of ${one.label}`, async () => ((await one.status()).up ? true : undefined))
    },
    connect: async (address, port, bytes = 5, patience = never) => {
      const args = [testProgram('connect'), address, String(port), String(bytes), String(patience)]
      return JSON.parse(await landscape.seed.run(process.execPath, ...args))
    },
    [Symbol.asyncDispose]: () => laboratory[Symbol.asyncDispose](),
  }
}

function usualFiles(id: string, directory: string, keys: Readonly<Record<'seed' | 'shoot', PrivateKey>>) {
  const common = { networks: places.networks, healthPort, ...userspace() }
  const presharedKeyFile = join(directory, 'preshared')
  const seed: EndFile = {
    ...common,
    tunnelAddresses: ['192.168.123.1'],
    links: [
      {
        interface: `ws${id}`,
        listenPort: 51_820,
        privateKeyFile: join(directory, 'seed'),
        addresses: ['192.168.124.1'],
        peer: {
          publicKey: publicKeyOf(keys.shoot),
          presharedKeyFile,
          addresses: ['192.168.124.2'],
          tunnelAddresses: ['192.168.123.2'],
        },
      },
    ],
  }
  const shoot: EndFile = {
    ...common,
    tunnelAddresses: ['192.168.123.2'],
    links: [
      {
        interface: `wt${id}`,
        privateKeyFile: join(directory, 'shoot'),
        addresses: ['192.168.124.2'],
        peer: {
          publicKey: publicKeyOf(keys.seed),
          presharedKeyFile,
          endpoint: `${places.doorAddress}:${places.doorPort}`,
          addresses: ['192.168.124.1'],
          tunnelAddresses: ['192.168.123.1'],
        },
      },
    ],
  }
  return { seed, shoot }
}
