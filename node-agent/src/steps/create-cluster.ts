import { createHash } from 'node:crypto'
import { runOrThrow } from '@trellis/foundation/command'
import type { AgentContext } from '../context.ts'
import { kubeadmConfigurationPath } from '../render/kubeadm.ts'
import { searchPath } from '../render/units.ts'
import type { Step } from '../runner.ts'

/** Holds the digest of the configuration that kubeadm has carried out. */
const donePath = '/var/lib/trellis/node-agent/cluster-created'

/** Held while kubeadm runs. */
const lockPath = '/run/lock/trellis-kubeadm'

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
      // An agent that was killed may have left its kubeadm behind: wait for that one to end.
      const kubeadm = [lockPath, kubeadmProgram, 'init', '--config', disk.resolve(kubeadmConfigurationPath)]
      await runOrThrow(runner, 'flock', kubeadm, {
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
