import type { HostFacts } from '../host-facts.ts'
import type { HostSettings } from '../host-settings.ts'

/** Socket of containerd. */
export const containerdSocket = '/run/containerd/containerd.sock'

/** Where containerd looks for network configurations. */
export const networkDirectory = '/etc/cni/net.d'

/** Template from which containerd makes the network configuration once it knows the node's Pod CIDR. */
export const networkTemplatePath = '/etc/cni/trellis.conflist.template'

/** Renders containerd's configuration (format 3). Images of the registry are never pulled for sandboxes: the sandbox image is pinned. */
export function renderContainerdConfiguration(facts: HostFacts, settings: HostSettings, sandboxImage: string): string {
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
address = ${quote(containerdSocket)}

[plugins.'io.containerd.cri.v1.images']
snapshotter = "overlayfs"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = ${quote(sandboxImage)}

[plugins.'io.containerd.cri.v1.images'.registry]
config_path = "/etc/containerd/certs.d"

[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = ${settings.restrictOomScoreAdjustment}
tolerate_missing_hugetlb_controller = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/opt/cni/bin", "/usr/lib/cni"]
conf_dir = ${quote(networkDirectory)}
conf_template = ${quote(networkTemplatePath)}

[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = "runc"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = ${quote(facts.runcPath)}
SystemdCgroup = ${settings.cgroupDriver === 'systemd'}
`
}

function quote(text: string): string {
  return JSON.stringify(text)
}
