import type { AgentDownload } from '@trellis/api/user-data'
import type { CertificateMaker } from '@trellis/certificates/authority'
import type { TaskRetry } from '@trellis/flow/task'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import type { ShootCloud } from '../clouds/cloud.ts'
import type { Helm } from '../helm.ts'
import type { ShootInfrastructure } from '../infrastructure/shoot-infrastructure.ts'
import type { Blueprint, ShootIdentity } from '../shoot/blueprint.ts'

/** What the tasks that take a shoot down work with. */
export interface DeletionServices {
  readonly clock: Clock
  readonly identity: ShootIdentity
  readonly garden: Client
  readonly seed: Client
  readonly cloud: ShootCloud
  readonly infrastructure: ShootInfrastructure
}

/** What the tasks that grow a shoot work with. */
export interface ShootServices {
  readonly clock: Clock
  readonly random: Random
  readonly blueprint: Blueprint
  /** References of images by name. */
  readonly images: Readonly<Record<string, string>>
  readonly garden: Client
  readonly seed: Client
  /** The seed's kubeconfig for Helm; undefined for the pod's own cluster. */
  readonly seedKubeconfig: string | undefined
  readonly cloud: ShootCloud
  readonly infrastructure: ShootInfrastructure
  /** Where machines whose images lack the node agent get it from; undefined when no image lacks it. */
  readonly agent: AgentDownload | undefined
  readonly certificates: CertificateMaker
  readonly helm: Helm
  /** Where the DNS of shoots asks for names outside; the chart's default when undefined. */
  readonly dnsUpstream: string | undefined
  /** Whether the tunnel ends in a pod of its own, and the API server comes in by http-connect. */
  readonly httpConnect: boolean
  /** Where the tunnels of all shoots are dialled; undefined when each shoot has a load balancer for its own. */
  readonly tunnelDoor: string | undefined
  /** Connects to the shoot through its front door with the kubeconfig in its control namespace; `NotFound` when there is none. */
  connectToShoot(): Promise<ShootConnection>
  /** Starts what looks after a shoot as long as it lives: serving certificates of kubelets, health. Repeats are harmless. */
  beginCare(): Promise<void>
}

/** A shoot's API server, as reached through its front door. */
export interface ShootConnection {
  readonly client: Client
  /** For Helm. */
  readonly kubeconfig: string
}

/** For single calls: whatever passes by itself, passes soon. */
export const briefly: TaskRetry = {
  backoff: { firstMilliseconds: 200, longestMilliseconds: 5000 },
  deadlineMilliseconds: 120_000,
}

/** For waits: a fault only interrupts the wait. The time limit of the try bounds the whole. */
export const patiently: TaskRetry = {
  backoff: { firstMilliseconds: 200, longestMilliseconds: 2000 },
  deadlineMilliseconds: 600_000,
}

/** Longest single wait. */
export const waitLimitMilliseconds = 600_000

/** The images that a chart takes, by name. */
export function pickImages(
  images: Readonly<Record<string, string>>,
  ...names: readonly string[]
): Readonly<Record<string, string>> {
  return Object.fromEntries(names.flatMap((name) => (images[name] === undefined ? [] : [[name, images[name]]])))
}
