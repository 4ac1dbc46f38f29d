import type { Machine } from '@trellis/api/machine/machine'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import { isFailure } from '@trellis/foundation/failure'
import { parseDuration } from '../common/duration.ts'

/** How machines are treated whose spec does not say otherwise; from the flags. */
export interface MachineSettings {
  readonly creationTimeoutMilliseconds: number
  readonly healthTimeoutMilliseconds: number
  readonly drainTimeoutMilliseconds: number
  readonly inPlaceUpdateTimeoutMilliseconds: number
  readonly preserveTimeoutMilliseconds: number
  readonly maxEvictRetries: number
  /** How long volumes of pods that were asked to go may take to be detached, after the pods' grace period. */
  readonly pvDetachTimeoutMilliseconds: number
  /** How long they may take to be attached elsewhere before other pods' turn comes. */
  readonly pvReattachTimeoutMilliseconds: number
  readonly nodeConditions: readonly string[]
  readonly resourceExhaustedRetryMilliseconds: number
}

/** The settings that hold for one machine. */
export interface EffectiveSettings extends MachineSettings {
  readonly disableHealthTimeout: boolean
}

/** The machine's own settings where it has them, the flags' elsewhere. A duration that cannot be read counts as absent. */
export function effectiveSettings(machine: Machine, defaults: MachineSettings): EffectiveSettings {
  const spec = machine.spec ?? {}
  const annotated = machine.metadata.annotations?.[machineAnnotations.effectiveCreationTimeout]
  return {
    ...defaults,
    creationTimeoutMilliseconds:
      duration(annotated) ?? duration(spec.creationTimeout) ?? defaults.creationTimeoutMilliseconds,
    healthTimeoutMilliseconds: duration(spec.healthTimeout) ?? defaults.healthTimeoutMilliseconds,
    drainTimeoutMilliseconds: duration(spec.drainTimeout) ?? defaults.drainTimeoutMilliseconds,
    inPlaceUpdateTimeoutMilliseconds: duration(spec.inPlaceUpdateTimeout) ?? defaults.inPlaceUpdateTimeoutMilliseconds,
    preserveTimeoutMilliseconds: duration(spec.machinePreserveTimeout) ?? defaults.preserveTimeoutMilliseconds,
    maxEvictRetries: spec.maxEvictRetries ?? defaults.maxEvictRetries,
    nodeConditions: spec.nodeConditions === undefined ? defaults.nodeConditions : splitList(spec.nodeConditions),
    disableHealthTimeout: spec.disableHealthTimeout ?? false,
  }
}

/** The entries of a comma-separated list. */
export function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function duration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  try {
    return parseDuration(text, 'duration')
  } catch (error) {
    if (isFailure(error, 'Invalid')) return undefined
    throw error
  }
}
