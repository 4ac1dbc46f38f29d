import { generateKeyPairSync } from 'node:crypto'
import type { Random } from '@trellis/foundation/random'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from 'node-wireguard/key'
import { type Blueprint, tunnelPort } from '../shoot/blueprint.ts'
import type { SecretData } from './secret-store.ts'

/** The key that signs tokens of service accounts: ECDSA P-256, PEM. */
export function makeServiceAccountKey(): SecretData {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { 'private.pem': privateKey, 'public.pem': publicKey }
}

/** The key of which the machines' bootstrap tokens are made: 32 random bytes as hexadecimal text. */
export function makeBootstrapTokenKey(random: Random): SecretData {
  return { key: random.bytes(32).toString('hex') }
}

/** Keys of both ends of a tunnel. */
export function makeTunnelKeys(random: Random): SecretData {
  const seed = generatePrivateKey(random)
  const shoot = generatePrivateKey(random)
  return {
    'seed.private': seed,
    'seed.public': publicKeyOf(seed),
    'shoot.private': shoot,
    'shoot.public': publicKeyOf(shoot),
    preshared: generatePresharedKey(random),
  }
}

/** Addresses of the two ends inside the tunnel, whatever link carries. Every tunnel has a network namespace of its own at both ends, so all may be alike. */
export const tunnelAddresses = { seed: '192.168.123.1', shoot: '192.168.123.2' } as const

/** Addresses of the two ends of the only link, between which they probe. */
const linkAddresses = { seed: '192.168.123.129', shoot: '192.168.123.130' } as const

/** Port of the health server of both ends. */
const tunnelHealthPort = 9110

const probePort = 5400

/** Contents of the Secret `vpn-seed`: the end beside the API server, which waits to be dialled. */
export function tunnelSeedSecret(blueprint: Blueprint, keys: SecretData): SecretData {
  const directory = '/etc/vpn-seed'
  const link = linkOf('seed', 'shoot', keys, directory)
  return secretOf(blueprint, 'seed', { ...link, listenPort: tunnelPort }, keys)
}

/** Contents of the Secret `vpn-shoot`: the end in the shoot, which dials the front door. */
export function tunnelShootSecret(blueprint: Blueprint, keys: SecretData, frontDoor: string): SecretData {
  const directory = '/etc/vpn-shoot'
  const link = linkOf('shoot', 'seed', keys, directory)
  const peer = { ...link.peer, endpoint: `${frontDoor}:${tunnelPort}` }
  return secretOf(blueprint, 'shoot', { ...link, peer }, keys)
}

type EndName = keyof typeof tunnelAddresses

function linkOf(own: EndName, other: EndName, keys: SecretData, directory: string) {
  return {
    interface: 'trellis-vpn',
    privateKeyFile: `${directory}/private.key`,
    addresses: [linkAddresses[own]],
    peer: {
      name: `vpn-${other}`,
      publicKey: keys[`${other}.public`],
      presharedKeyFile: `${directory}/preshared.key`,
      addresses: [linkAddresses[other]],
      tunnelAddresses: [tunnelAddresses[other]],
    },
  }
}

function secretOf({ networks }: Blueprint, own: EndName, link: object, keys: SecretData): SecretData {
  const configuration = {
    tunnelAddresses: [tunnelAddresses[own]],
    links: [link],
    networks: { nodes: [networks.nodes], pods: [networks.pods], services: [networks.services] },
    probe: { port: probePort },
    healthPort: tunnelHealthPort,
  }
  return {
    'config.json': JSON.stringify(configuration),
    'private.key': keys[`${own}.private`] ?? '',
    'preshared.key': keys.preshared ?? '',
  }
}
