import { nodeAgentUnit } from '@trellis/api/user-data'
import type { Recipe } from '../store/part.ts'
import { type LayerFile, writeLayerFiles } from './layer-files.ts'

/** Units that a machine of a cluster does not need and that only slow its start, or fail in a system container. */
const maskedUnits = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty.target',
  'getty-static.service',
  'console-getty.service',
  'cloud-init-hotplugd.socket',
  'dev-hugepages.mount',
  'kmod-static-nodes.service',
  'proc-sys-fs-binfmt_misc.automount',
  'remote-fs.target',
  'sys-fs-fuse-connections.mount',
  'sys-kernel-config.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'systemd-binfmt.service',
  'systemd-firstboot.service',
  'systemd-logind.service',
  'systemd-machine-id-commit.service',
  'systemd-modules-load.service',
  'systemd-pcrphase.service',
  'systemd-pcrphase-sysinit.service',
  'systemd-pstore.service',
  'systemd-random-seed.service',
  'systemd-repart.service',
  'systemd-timesyncd.service',
  'systemd-update-utmp.service',
  'systemd-update-utmp-runlevel.service',
]

/**
 * cloud-init reads metadata and user-data as the machine's cloud gives them and does what user-data of ours asks for: write files, run commands, set the host
 * name. ds-identify finds out before which of these services there is, by firmware and disks alone, and the others cost no time. A NoCloud seed and a
 * config drive come first, since they are disks that somebody attached on purpose. EC2's is asked with a session token, as cloud-init does unless told otherwise;
 * only the link-local address is asked, never a name that a DNS server might answer. The embedded cloud lays a file beside this one that leaves NoCloud alone.
 */
const cloudInit = `datasource_list: [NoCloud, ConfigDrive, OpenStack, Ec2, GCE]
datasource:
  OpenStack:
    metadata_urls: ["http://169.254.169.254"]
  Ec2:
    metadata_urls: ["http://169.254.169.254"]
disable_root: false
manage_etc_hosts: true
preserve_hostname: false
package_update: false
package_upgrade: false
users: []
cloud_init_modules: [bootcmd, write-files, set_hostname, update_hostname, update_etc_hosts, ca-certs]
cloud_config_modules: [runcmd]
cloud_final_modules: [write-files-deferred, scripts-per-boot, scripts-user, final-message]
`

const journal = `[Journal]
Storage=volatile
RuntimeMaxUse=32M
ForwardToSyslog=no
`

const kernelParameters = `net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
`

const files: readonly LayerFile[] = [
  { path: '/etc/cloud/cloud.cfg.d/90-trellis.cfg', content: { text: cloudInit } },
  { path: '/etc/systemd/journald.conf.d/90-trellis.conf', content: { text: journal } },
  { path: '/etc/sysctl.d/90-trellis.conf', content: { text: kernelParameters } },
  { path: '/etc/systemd/system/trellis-node-agent.service', content: { text: nodeAgentUnit } },
  { path: '/etc/profile.d/trellis.sh', content: { text: 'export PATH="$PATH:/opt/trellis/bin"\n' } },
  { path: '/etc/trellis/.keep', content: { text: '' } },
  ...maskedUnits.map((unit) => ({ path: `/etc/systemd/system/${unit}`, content: { target: '/dev/null' } })),
]

/** The recipe of the layer that turns plain Debian into a machine of ours. */
export function machineSettingsRecipe(): Recipe {
  return {
    part: 'machine-settings',
    needs: [],
    heavy: false,
    inputs: async () => [JSON.stringify(files)],
    make: async (workshop) => {
      await writeLayerFiles(workshop.directory, files)
      return 'build'
    },
  }
}
