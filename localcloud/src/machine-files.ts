import { createHash } from 'node:crypto'
import { seedPath } from './metadata-server.ts'
import { metadataAddress } from './nft-ruleset.ts'
import type { Datasource } from './schemas.ts'

/** A file that a machine finds at its first start. */
export interface MachineFile {
  readonly path: string
  readonly content: string
  readonly mode: number
}

/** What makes one machine different from the image it is made of. */
export interface MachineIdentity {
  readonly instance: string
  readonly serverId: string
  readonly name: string
  readonly privateAddress: string
  /** Whom to ask for names. */
  readonly nameServer: string
  /** Whose metadata service it is to ask; this cloud's own when absent. */
  readonly datasource?: Datasource | undefined
}

/**
 * Tells cloud-init that this cloud's metadata service is a NoCloud seed and the only one to ask, and that the network is configured already. An image may know
 * the services of many clouds; this comes after whatever it says, and so none of them is looked for. ds-identify reads the first line with a shell pattern.
 */
const ownSettings = `datasource_list: [NoCloud]
datasource:
  NoCloud:
    seedfrom: http://${metadataAddress}${seedPath}
    fs_label: null
network: {config: disabled}
`

/**
 * The same for a cloud that is imitated. A container has no firmware by which cloud-init could know that cloud, so it is not to ask for any; and the
 * hardware addresses that OpenStack tells are not those of the machines, of which cloud-init makes an error before it sees that the network is none of its business.
 */
const imitationSettings: Readonly<Record<Datasource, string>> = {
  Ec2: `datasource_list: [Ec2]
datasource:
  Ec2:
    metadata_urls: [http://${metadataAddress}]
    strict_id: false
network: {config: disabled}
`,
  OpenStack: `datasource_list: [OpenStack]
datasource:
  OpenStack:
    metadata_urls: [http://${metadataAddress}]
    apply_network_config: false
network: {config: disabled}
`,
}

/**
 * Addresses are configured before the first start and nobody gives any by DHCP. cloud-init's source for OpenStack asks all the same before it looks at the network that there is,
 * and its client would wait a minute for an answer.
 */
const noLeases: MachineFile = {
  path: '/etc/dhcp/dhclient.conf',
  content: 'timeout 1;\n',
  mode: 0o644,
}

/** Variables of the first process by which cloud-init knows a cloud where there is no firmware to tell; those of OpenStack are known since it had containers of its own. */
export const datasourceEnvironment: Readonly<Record<Datasource, Readonly<Record<string, string>>>> = {
  Ec2: {},
  OpenStack: { product_name: 'OpenStack Nova' },
}

/** The files laid over the image before a machine's first start: everything that must differ between machines of one image. */
export function identityFiles(identity: MachineIdentity): readonly MachineFile[] {
  const file = (path: string, content: string): MachineFile => ({ path, content, mode: 0o644 })
  const settings = identity.datasource === undefined ? ownSettings : imitationSettings[identity.datasource]
  return [
    file('/etc/hostname', `${identity.name}\n`),
    file(
      '/etc/hosts',
      ['127.0.0.1 localhost', '::1 localhost ip6-localhost', `${identity.privateAddress} ${identity.name}`, ''].join(
        '\n',
      ),
    ),
    file('/etc/resolv.conf', `nameserver ${identity.nameServer}\noptions timeout:1 attempts:1\n`),
    file('/etc/cloud/cloud.cfg.d/95-local-cloud.cfg', settings),
    ...(identity.datasource === 'OpenStack' ? [noLeases] : []),
    { path: '/etc/machine-id', content: `${machineIdOf(identity)}\n`, mode: 0o444 },
  ]
}

/** A machine id of its own for every machine, as systemd and kubelet want: 32 hexadecimal digits. */
export function machineIdOf(identity: Pick<MachineIdentity, 'instance' | 'serverId'>): string {
  return createHash('sha256').update(`${identity.instance}/${identity.serverId}`).digest('hex').slice(0, 32)
}
