import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOrThrow } from '@trellis/foundation/command'
import type { Namespace } from 'node-wireguard/testing/namespaces'
import { debianProgram } from '../../../debian-program.ts'
import { createIdentities, type IdentityFiles } from '../identities.ts'
import { buildRig, places } from '../rig.ts'
import { startProgram } from '../running-program.ts'
import type { Variant } from './variant.ts'

const openVpn = { name: 'openvpn', package: 'openvpn', path: 'usr/sbin/openvpn' }

/** The name by which the server knows where the shoot's networks are. */
const clientName = 'vpn-shoot-client'
const device = 'tun0'

/**
 * OpenVPN over TCP with the options, buffers and firewall of the reference's default tunnel: the server is in the seed, the shoot dials. Left out are the proxies on the
 * way, which could only make it slower.
 */
export const openOpenVpn: Variant = async (context) => {
  const { laboratory, runner } = context
  const rig = await buildRig(laboratory, 'ovpn')
  const { program, environment } = await debianProgram(context, openVpn)
  const directory = join(context.directory, 'openvpn')
  await mkdir(join(directory, 'clients'), { recursive: true })
  const identities = await createIdentities(context, directory)
  const tlsKeyFile = join(directory, 'tls-auth.key')
  await runOrThrow(runner, program, ['--genkey', 'tls-auth', tlsKeyFile], { environment })
  await writeFile(join(directory, 'clients', clientName), `iroute ${routeOf(places.podNetwork)}\n`)
  const common = { directory, caFile: identities.caFile, tlsKeyFile }
  const files = { seed: join(directory, 'server.conf'), shoot: join(directory, 'client.conf') }
  await writeFile(files.seed, serverText({ ...common, ...(await identities.issue('vpn-seed-server', 'server')) }))
  await writeFile(files.shoot, clientText({ ...common, ...(await identities.issue(clientName, 'client')) }))
  for (const namespace of [rig.seed, rig.shoot]) await enlargeBuffers(namespace)
  await rig.seed.feed(seedRules, 'nft', '-f', '-')
  await rig.shoot.feed(shootRules, 'nft', '-f', '-')
  const server = startProgram(rig.seed, { program, environment, args: ['--config', files.seed] })
  startProgram(rig.shoot, { program, environment, args: ['--config', files.shoot] })
  return { rig, seedProcesses: async () => ({ openvpn: server.processId }) }
}

interface Files extends IdentityFiles {
  readonly directory: string
  readonly caFile: string
  readonly tlsKeyFile: string
}

function serverText(files: Files): string {
  return [
    'topology subnet',
    'server 192.168.123.0 255.255.255.0',
    `route ${routeOf(places.podNetwork)}`,
    'proto tcp-server',
    'port 1194',
    'keepalive 10 60',
    'data-ciphers AES-256-GCM:AES-256-CBC',
    'dh none',
    `client-config-dir ${join(files.directory, 'clients')}`,
    `status ${join(files.directory, 'status')} 15`,
    'status-version 2',
    `tls-auth ${files.tlsKeyFile} 0`,
    ...commonLines(files),
  ].join('\n')
}

function clientText(files: Files): string {
  return [
    'pull',
    'tls-client',
    'auth-nocache',
    'proto tcp4-client',
    `remote ${places.seed} 1194`,
    'nobind',
    'connect-retry 1 5',
    'remote-cert-tls server',
    'data-ciphers AES-256-GCM',
    `tls-auth ${files.tlsKeyFile} 1`,
    ...commonLines(files),
  ].join('\n')
}

function commonLines({ caFile, certificateFile, keyFile }: Files): readonly string[] {
  const identity = [`ca ${caFile}`, `cert ${certificateFile}`, `key ${keyFile}`]
  return ['verb 3', `dev ${device}`, 'txqueuelen 1000', 'auth SHA256', ...identity, '']
}

/** A network of 16 bits as OpenVPN's configuration writes it. */
function routeOf(network: string): string {
  return `${network.slice(0, network.indexOf('/'))} 255.255.0.0`
}

async function enlargeBuffers(namespace: Namespace): Promise<void> {
  for (const name of ['tcp_rmem', 'tcp_wmem']) {
    await namespace.run('sysctl', '-qw', `net.ipv4.${name}=65536 12582912 16777216`)
  }
}

const seedRules = `
table inet openvpn {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "${device}" ct state established,related accept
    iifname "${device}" drop
  }
}
`

const shootRules = `
table inet openvpn {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "pods" masquerade
  }
  chain clamp {
    type filter hook postrouting priority mangle; policy accept;
    tcp flags syn / syn,rst tcp option maxseg size set rt mtu
  }
}
`
