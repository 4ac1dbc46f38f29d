import { Failure } from '@trellis/foundation/failure'
import type { AgentContext } from '../context.ts'
import { kubeletClientCertificatePath } from '../render/kubelet.ts'
import type { Step } from '../runner.ts'
import { withinDeadline } from '../within-deadline.ts'

const patienceMilliseconds = 30_000

/** Waits until the kubelet has exchanged the bootstrap token for a certificate of its own. */
export function obtainCertificate({ clock, disk }: AgentContext): Step {
  return {
    name: 'obtain-certificate',
    after: ['start-kubelet'],
    run: (signal) =>
      withinDeadline(
        clock,
        patienceMilliseconds,
        signal,
        (limited) => disk.appeared(kubeletClientCertificatePath, limited),
        () =>
          new Failure(
            'Unavailable',
            'the kubelet has no certificate yet: its request was not approved, or not signed',
            {
              remedy: 'look at certificatesigningrequests in the cluster and at journalctl -u kubelet on the machine',
            },
          ),
      ),
  }
}
