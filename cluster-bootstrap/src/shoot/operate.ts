import { instantText } from '@trellis/api/conditions'
import { configMaps } from '@trellis/api/core/configuration'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import type { ShootStatus } from '@trellis/api/garden/shoot-status'
import { keyOf, type ObjectKey, type OwnerReference } from '@trellis/api/meta'
import type { Flow } from '@trellis/flow/define-flow'
import { type FlowResult, runFlow } from '@trellis/flow/run-flow'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createConfigMapJournal } from '../config-map-journal.ts'
import { failedStatus, type OperationType, processingStatus, succeededStatus } from './status.ts'
import { createStatusWriter } from './status-writer.ts'

/** What running a flow for a shoot needs. */
export interface OperatePorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly garden: Client
}

/** A flow that is to be run for a shoot. */
export interface Operation<Services> {
  readonly shoot: Shoot
  readonly type: OperationType
  /** Names the run: an interrupted one of this name is resumed. */
  readonly run: string
  /** Forget what an earlier run recorded. */
  readonly fresh: boolean
  /** Begin to count anew how long this has been tried. */
  readonly newCycle: boolean
  readonly flow: Flow<Services>
  readonly services: Services
  /** Fields of the status that hold from the beginning of the operation. */
  readonly facts: Partial<ShootStatus>
}

/** After so long without success an operation is not tried again by itself. */
const retryCycleMilliseconds = 12 * 60 * 60 * 1000

/** Where the journal of a shoot's flow is kept: beside the Shoot, so that it outlives the control namespace. */
export function journalKey(shoot: Shoot): ObjectKey {
  return { namespace: shoot.metadata.namespace, name: `${shoot.metadata.name}.flow` }
}

/** Runs a flow and keeps the status of the shoot true meanwhile. A flow that was called off leaves the status as it is. */
export async function operate<Services>(
  ports: OperatePorts,
  operation: Operation<Services>,
  signal: AbortSignal,
): Promise<FlowResult> {
  const { clock, random, garden } = ports
  const { shoot, type } = operation
  await using writer = createStatusWriter(clock, ports.log, garden, keyOf(shoot))
  const cycleStart = (!operation.newCycle && shoot.status?.retryCycleStartTime) || instantText(clock.now())
  const generation = shoot.metadata.generation ?? 0
  if (operation.fresh) await garden.delete(configMaps, journalKey(shoot))
  await writer.write({
    ...operation.facts,
    retryCycleStartTime: cycleStart,
    ...processingStatus(type, { percent: 0, running: [], tasks: [] }, clock.now()),
  })
  const result = await runFlow(operation.flow, {
    clock,
    random,
    journal: createConfigMapJournal(garden, journalKey(shoot), ownerOf(shoot)),
    run: operation.run,
    services: operation.services,
    signal,
    onProgress: (snapshot) => writer.offer(processingStatus(type, snapshot, clock.now())),
  })
  if (result.outcome === 'cancelled') return result
  const giveUp = clock.now() - Date.parse(cycleStart) > retryCycleMilliseconds
  await writer.write(
    result.outcome === 'succeeded'
      ? succeededStatus(type, result.snapshot, generation, clock.now())
      : failedStatus(type, result.snapshot, result.errors, { generation, now: clock.now(), giveUp }),
  )
  return result
}

/** Makes the journal go with its Shoot. */
function ownerOf({ metadata }: Shoot): OwnerReference | undefined {
  if (metadata.uid === undefined) return undefined
  return {
    apiVersion: `${shoots.group}/${shoots.version}`,
    kind: shoots.kind,
    name: metadata.name,
    uid: metadata.uid,
  }
}
