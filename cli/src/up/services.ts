import type { CertificateMaker } from '@trellis/certificates/authority'
import type { CloudClient } from '@trellis/cloudprovider/local/client'
import type { Distribution } from '@trellis/distribution/distribution'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import type { CloudDaemon } from '../cloud/daemon.ts'
import type { HostView } from '../doctor/check.ts'
import type { Installation } from '../installation.ts'
import type { TaskView } from '../view/task-line.ts'

/** Everything that the tasks of `trellis up` reach the world with. */
export interface UpServices {
  readonly installation: Installation
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  readonly host: HostView
  readonly distribution: Distribution
  readonly certificates: CertificateMaker
  readonly daemon: CloudDaemon
  /** The cloud through its Unix socket. */
  readonly cloud: CloudClient
  /** The garden's API server, as the administrator; to be asked only once its kubeconfig has been written. */
  garden(): Promise<Client>
  /** Shows steps inside a task of ours, as those of the shoot's own flow. */
  showChildren(task: string, children: readonly TaskView[]): void
}
