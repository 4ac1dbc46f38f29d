import { createHash } from 'node:crypto'
import { runOrThrow } from '@trellis/foundation/command'
import type { AgentContext } from '../context.ts'
import { kubeadmConfigurationPath } from '../render/kubeadm.ts'
import { searchPath } from '../render/units.ts'
import type { Step } from '../runner.ts'

/** Holds the digest of the configuration that kubeadm has carried out. */
const donePath = '/var/lib/trellis/node-agent/cluster-created'

const kubeadmProgram = '/opt/trellis/bin/kubeadm'

/**
 * Makes the cluster with `kubeadm init`. All of its phases may run again: after a crash it goes on with the certificates and manifests that are there.
 * Once it has succeeded it is not run again until its configuration changes.
 */
export function createCluster({ changedUnits, disk, log, runner }: AgentContext, after: readonly string[]): Step {
  return {
    name: 'create-cluster',
    after,
    run: async (signal) => {
      const digest = createHash('sha256')
        .update((await disk.read(kubeadmConfigurationPath)) ?? '')
        .digest('hex')
      if ((await disk.read(donePath)) === digest) return
      await runOrThrow(runner, kubeadmProgram, ['init', '--config', disk.resolve(kubeadmConfigurationPath)], {
        signal,
        environment: { PATH: searchPath },
        onLine: (line) => {
          if (/^\[[a-z-]+\]/.test(line)) log.info({ line }, 'kubeadm')
        },
      })
      // kubeadm has started the kubelet, with every file as it is now.
      changedUnits.delete('kubelet')
      await disk.write(donePath, digest, 0o600)
    },
  }
}
