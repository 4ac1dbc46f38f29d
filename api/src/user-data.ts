import { gzipSync } from 'node:zlib'
import { Failure } from '@trellis/foundation/failure'
import {
  bootstrapTokenPlaceholder,
  machineIdentityPath,
  machineNamePlaceholder,
  type NodeAgentConfiguration,
  nodeAgentConfigurationPath,
  parseNodeAgentConfiguration,
} from './node-agent-configuration.ts'

/** Most bytes of user-data that every supported cloud accepts. */
export const userDataLimitBytes = 16_384

/** Path of the agent's executable on a machine. */
export const nodeAgentProgram = '/opt/trellis/bin/node-agent'

/** Name of the agent's systemd unit. */
export const nodeAgentUnitName = 'trellis-node-agent.service'

/** The agent's systemd unit, as the machine image has it; user-data brings it along for images that do not. */
export const nodeAgentUnit = `[Unit]
Description=Trellis node agent
After=local-fs.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${nodeAgentProgram} --config ${nodeAgentConfigurationPath}
Restart=always
RestartSec=2
Environment=PATH=/opt/trellis/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
KillMode=process
StandardOutput=journal
StandardError=journal

[Install]
WantedBy=multi-user.target
`

/** Where a machine whose image lacks the agent gets it from. */
export interface AgentDownload {
  /** HTTPS address of the executable. */
  readonly url: string
  /** SHA-256 of the executable, in hexadecimal. */
  readonly sha256: string
}

/** What user-data holds beside the configuration. */
export interface UserDataOptions {
  /** Where the agent comes from when the machine image does not have it. */
  readonly agent?: AgentDownload
}

/**
 * Renders the cloud-config that starts the agent with this configuration. The same input always gives the same text.
 * The machine's name, its token and the beacon stand in the text as they are, so that their placeholders can be filled in; what holds none is compressed where that makes it shorter.
 * Throws `Invalid` when the configuration does not fit its schema or the text would be longer than clouds accept.
 */
export function renderUserData(configuration: NodeAgentConfiguration, options: UserDataOptions = {}): string {
  const { identity, pool } = split(parseNodeAgentConfiguration(configuration))
  checkAgent(options.agent)
  const parts: Record<string, string> = {
    identity: plainFile(machineIdentityPath, '0600', `${JSON.stringify(identity)}\n`),
    configuration: smallestFile(nodeAgentConfigurationPath, '0600', JSON.stringify(pool)),
  }
  const download = options.agent
  if (download !== undefined)
    parts['agent unit'] = plainFile(`/etc/systemd/system/${nodeAgentUnitName}`, '0644', nodeAgentUnit)
  const files = Object.values(parts).join('')
  const text = `#cloud-config\nwrite_files:\n${files}runcmd:\n${commands(download)}`
  checkSize(text, parts)
  return text
}

/** Parts a configuration into what holds placeholders or their values, and all the rest. */
function split(configuration: NodeAgentConfiguration): { readonly identity: object; readonly pool: object } {
  const { machineName, worker, beacon, ...rest } = configuration
  if (worker === undefined) return { identity: { machineName, beacon }, pool: rest }
  const { bootstrapToken, ...workerRest } = worker
  return { identity: { machineName, beacon, worker: { bootstrapToken } }, pool: { ...rest, worker: workerRest } }
}

function commands(agent: AgentDownload | undefined): string {
  const start = `- [systemctl, enable, --now, ${nodeAgentUnitName}]\n`
  if (agent === undefined) return start
  const partial = `${nodeAgentProgram}.partial`
  const script = [
    `test -x ${nodeAgentProgram} && exit 0`,
    `mkdir -p ${nodeAgentProgram.slice(0, nodeAgentProgram.lastIndexOf('/'))}`,
    `curl -fsSL --retry 30 --retry-all-errors --retry-delay 2 -o ${partial} '${agent.url}'`,
    `echo '${agent.sha256}  ${partial}' | sha256sum -c -`,
    `chmod 0755 ${partial}`,
    `mv ${partial} ${nodeAgentProgram}`,
  ].join('\n')
  return `- - sh\n  - -ec\n  - |\n${indent(`${script}\n`, '    ')}- [systemctl, daemon-reload]\n${start}`
}

function plainFile(path: string, mode: string, content: string): string {
  return `- path: ${path}\n  permissions: '${mode}'\n  content: |\n${indent(content, '    ')}`
}

function smallestFile(path: string, mode: string, content: string): string {
  const plain = plainFile(path, mode, `${content}\n`)
  if (content.includes(bootstrapTokenPlaceholder) || content.includes(machineNamePlaceholder)) return plain
  const packed = gzipSync(content, { level: 9 }).toString('base64')
  const compressed = `- path: ${path}\n  permissions: '${mode}'\n  encoding: gz+b64\n  content: ${packed}\n`
  return compressed.length < Buffer.byteLength(plain) ? compressed : plain
}

function indent(text: string, by: string): string {
  return text.replace(/^(?=.)/gm, by)
}

function checkAgent(agent: AgentDownload | undefined): void {
  if (agent === undefined) return
  if (!/^https?:\/\/[^\s'"\\]+$/.test(agent.url)) {
    throw new Failure('Invalid', 'the address of the agent is not an HTTP address', { field: 'agent.url' })
  }
  if (!/^[0-9a-f]{64}$/.test(agent.sha256)) {
    throw new Failure('Invalid', 'the digest of the agent is not a SHA-256 in hexadecimal', { field: 'agent.sha256' })
  }
}

function checkSize(text: string, parts: Readonly<Record<string, string>>): void {
  const size = Buffer.byteLength(text)
  if (size <= userDataLimitBytes) return
  const sizes = Object.entries(parts).map(([name, part]) => `${name} ${Buffer.byteLength(part)}`)
  throw new Failure(
    'Invalid',
    `user-data has ${size} bytes (${sizes.join(', ')}), clouds accept ${userDataLimitBytes}`,
    {
      field: 'userData',
      remedy: 'shorten labels, taints, certificates or kubelet settings of the pool',
    },
  )
}
