import type { HostSettings } from '../host-settings.ts'

/** Flags with which the unit starts the kubelet, one argument each. */
export type KubeletArguments = readonly string[]

/** The search path of every program that the agent starts. */
export const searchPath = '/opt/trellis/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Renders the unit of containerd. Containers outlive it: only containerd itself is killed with the unit. */
export function renderContainerdUnit(settings: HostSettings): string {
  const limits = settings.raisedLimits ? 'LimitNOFILE=1048576\nOOMScoreAdjust=-999\n' : ''
  return `[Unit]
Description=containerd, laid down by the Trellis node agent
After=network.target local-fs.target dbus.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=/opt/trellis/bin/containerd
Environment=PATH=${searchPath}
Restart=always
RestartSec=1
TimeoutStopSec=20
KillMode=process
Delegate=yes
LimitNPROC=infinity
LimitCORE=0
TasksMax=infinity
${limits}
[Install]
WantedBy=multi-user.target
`
}

/** Renders the unit of the kubelet. Pods outlive it. */
export function renderKubeletUnit(flags: KubeletArguments, environmentFile?: string): string {
  const more = environmentFile === undefined ? '' : `EnvironmentFile=-${environmentFile}\n`
  const last = environmentFile === undefined ? '' : ' \\\n  $KUBELET_KUBEADM_ARGS'
  return `[Unit]
Description=kubelet, laid down by the Trellis node agent
After=containerd.service network-online.target
Wants=containerd.service network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/opt/trellis/bin/kubelet \\
  ${flags.map(escapeArgument).join(' \\\n  ')}${last}
Environment=PATH=${searchPath}
${more}Restart=always
RestartSec=1
TimeoutStopSec=20
KillMode=process
Delegate=yes
CPUAccounting=yes
MemoryAccounting=yes

[Install]
WantedBy=multi-user.target
`
}

/** Keeps systemd from expanding specifiers and variables in an argument and from splitting it. */
function escapeArgument(argument: string): string {
  const literal = argument.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /[\s"'\\;]/.test(literal) ? `"${literal.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : literal
}
