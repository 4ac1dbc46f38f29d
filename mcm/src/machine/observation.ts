import type { Secret } from '@trellis/api/core/configuration'
import type { Node } from '@trellis/api/core/node'
import type { JoinReport } from '@trellis/api/join-report'
import type { Machine } from '@trellis/api/machine/machine'
import type { Result } from '@trellis/foundation/result'
import type { ClassTrouble, ClassView } from '../machine-class/resolve.ts'
import type { EffectiveSettings } from './settings.ts'

/** What is known of the cluster that the machine joins. */
export type TargetView =
  /** There is none: machines end up Available. */
  | { readonly kind: 'none' }
  /** Its API server has not answered yet in the life of this process. */
  | { readonly kind: 'unknown'; readonly silentSince?: number }
  /** Its nodes are known, since that instant. */
  | { readonly kind: 'known'; readonly since: number }

/** All that one machine's steps decide upon. */
export interface MachineObservation {
  readonly machine: Machine
  readonly settings: EffectiveSettings
  readonly classView: Result<ClassView, ClassTrouble>
  readonly target: TargetView
  /** The machine's Node; undefined when there is none or nodes are not known. */
  readonly node: Node | undefined
  /** What the machine tells about its joining. */
  readonly report: JoinReport | undefined
  /** The Secret of its bootstrap token in the target cluster. */
  readonly tokenSecret: Secret | undefined
}
