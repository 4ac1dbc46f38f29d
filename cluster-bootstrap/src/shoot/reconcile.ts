import { configMaps } from '@trellis/api/core/configuration'
import { services } from '@trellis/api/core/service'
import { gardenAnnotations, gardenFinalizer } from '@trellis/api/garden/common'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import type { ShootStatus } from '@trellis/api/garden/shoot-status'
import { keyOf, parseKeyText } from '@trellis/api/meta'
import type { FieldError } from '@trellis/api/validation/field-error'
import type { Flow } from '@trellis/flow/define-flow'
import type { FlowResult } from '@trellis/flow/run-flow'
import { Failure } from '@trellis/foundation/failure'
import { again, blocked, done, type Outcome, type Reconcile } from '@trellis/kubernetes/controller'
import type { ShootCloud } from '../clouds/cloud.ts'
import { chooseCloud } from '../clouds/known-clouds.ts'
import { frontDoorName } from '../tasks/front-door.ts'
import type { DeletionServices, ShootServices } from '../tasks/services.ts'
import { frontDoorUrl } from './blueprint.ts'
import type { OutdatedSignal } from './controller.ts'
import { type Decision, decide, reconcilePeriodMilliseconds } from './decide.ts'
import { journalKey, type OperatePorts, operate } from './operate.ts'
import { planShoot, type ShootPlan } from './plan-shoot.ts'
import { invalidStatus } from './status.ts'

/** What reconciling shoots needs. */
export interface ReconcilePorts extends OperatePorts {
  readonly seedName: string
  /** References of images by name. */
  readonly images: Readonly<Record<string, string>>
  readonly createFlow: Flow<ShootServices>
  readonly deleteFlowOf: (shoot: Shoot) => Flow<DeletionServices>
  /** Kinds of clouds that shoots may be on. */
  readonly clouds: readonly ShootCloud[]
  readonly servicesOf: (shoot: Shoot, plan: ShootPlan) => ShootServices
  readonly deletionServicesOf: (shoot: Shoot, cloud: ShootCloud) => DeletionServices
  /** Looks after a shoot that is as it should be; repeats are harmless. */
  readonly beginCare: (shoot: Shoot) => Promise<void>
  readonly endCare: (key: string) => Promise<void>
  /** A signal that aborts when the shoot changes so that the operation under way has become pointless. */
  readonly untilOutdated: (key: string, shoot: Shoot, signal: AbortSignal) => OutdatedSignal
}

/** An operation that failed is tried again after so long. */
const tryAgainMilliseconds = 10_000

/** Makes the reconcile of one shoot. It reads the Shoot itself, so it never works on what has been overtaken. */
export function createShootReconcile(ports: ReconcilePorts): Reconcile {
  return async (key, signal) => {
    const shoot = await ports.garden.find(shoots, parseKeyText(key))
    if (shoot === undefined) {
      await ports.endCare(key)
      return done
    }
    const decision = decide(shoot, ports.seedName, ports.clock.now())
    if (decision.kind !== 'operate') return settle(ports, key, shoot, decision)
    using current = ports.untilOutdated(key, shoot, signal)
    return decision.type === 'Delete'
      ? await takeDown(ports, key, shoot, decision, current.signal)
      : await bringUp(ports, shoot, decision, current.signal)
  }
}

type Operate = Extract<Decision, { readonly kind: 'operate' }>

async function settle(
  ports: ReconcilePorts,
  key: string,
  shoot: Shoot,
  decision: Exclude<Decision, Operate>,
): Promise<Outcome> {
  switch (decision.kind) {
    case 'ignore':
      await ports.endCare(key)
      return done
    case 'care':
      await ports.beginCare(shoot)
      return again(decision.dueMilliseconds)
    case 'failed':
      return blocked(shoot.status?.lastOperation?.description ?? 'the last operation failed')
  }
}

async function bringUp(ports: ReconcilePorts, shoot: Shoot, decision: Operate, signal: AbortSignal): Promise<Outcome> {
  const { clock, garden } = ports
  const planned = await planShoot(ports, shoot)
  if ('errors' in planned) return refuse(ports, shoot, decision, planned.errors)
  const accepted = await accept(ports, shoot)
  const { technicalId, networks } = planned.blueprint
  const facts: Partial<ShootStatus> = {
    seedName: ports.seedName,
    technicalID: technicalId,
    ...(accepted.metadata.uid === undefined ? {} : { uid: accepted.status?.uid ?? accepted.metadata.uid }),
    networking: { nodes: [networks.nodes], pods: [networks.pods], services: [networks.services] },
  }
  const shootServices = ports.servicesOf(accepted, planned)
  const operation = { ...decision, shoot: accepted, flow: ports.createFlow, services: shootServices, facts }
  const result = await operate(ports, operation, signal)
  if (result.outcome === 'succeeded') {
    await advertise(shootServices, accepted)
    await garden.delete(configMaps, journalKey(accepted))
    ports.log.info({ shoot: keyOf(accepted), at: clock.now() }, 'the shoot is up')
    return again(reconcilePeriodMilliseconds)
  }
  return outcomeOf(result)
}

/** Says where the API server can be reached. */
async function advertise({ seed, garden, blueprint }: ShootServices, shoot: Shoot): Promise<void> {
  const service = await seed.get(services, { namespace: blueprint.technicalId, name: frontDoorName })
  const address = service.status?.loadBalancer?.ingress?.[0]?.ip
  if (address === undefined) return
  const advertisedAddresses = [{ name: 'external', url: frontDoorUrl(address) }]
  await garden.patch(shoots, keyOf(shoot), { status: { advertisedAddresses } }, { subresource: 'status' })
}

async function takeDown(
  ports: ReconcilePorts,
  key: string,
  shoot: Shoot,
  decision: Operate,
  signal: AbortSignal,
): Promise<Outcome> {
  await ports.endCare(key)
  const choice = chooseCloud(ports.clouds, shoot.spec.provider.type)
  if ('error' in choice) return refuse(ports, shoot, decision, [choice.error])
  const operation = {
    ...decision,
    shoot,
    flow: ports.deleteFlowOf(shoot),
    services: ports.deletionServicesOf(shoot, choice.cloud),
    facts: {},
  }
  const result = await operate(ports, operation, signal)
  if (result.outcome !== 'succeeded') return outcomeOf(result)
  await ports.garden.delete(configMaps, journalKey(shoot))
  const present = await ports.garden.find(shoots, keyOf(shoot))
  if (present === undefined) return done
  const { finalizers = [], resourceVersion } = present.metadata
  const rest = finalizers.filter((one) => one !== gardenFinalizer)
  await ports.garden.patch(shoots, keyOf(shoot), { metadata: { finalizers: rest, resourceVersion } })
  ports.log.info({ shoot: keyOf(shoot) }, 'the shoot is gone')
  return done
}

function outcomeOf({ outcome, snapshot, errors }: FlowResult): Outcome {
  // What called it off has put the key back into the queue, or stops the process.
  if (outcome !== 'failed') return done
  const final = errors.some(({ error }) => error instanceof Failure && error.kind === 'Invalid')
  return final ? blocked(`failed at ${snapshot.percent} %`) : again(tryAgainMilliseconds)
}

/** Says once what is wrong with a spec. Nothing is made for it, and it does not even get a finalizer. */
async function refuse(
  { clock, garden }: ReconcilePorts,
  shoot: Shoot,
  { type }: Operate,
  errors: readonly FieldError[],
): Promise<Outcome> {
  const status = invalidStatus(type, errors, shoot.metadata.generation ?? 0, clock.now())
  const before = shoot.status
  const same =
    before?.observedGeneration === status.observedGeneration &&
    JSON.stringify(before?.lastErrors?.map((one) => one.description)) ===
      JSON.stringify(status.lastErrors?.map((one) => one.description))
  if (!same) await garden.patch(shoots, keyOf(shoot), { status }, { subresource: 'status' })
  await dropAnnotation(garden, shoot)
  return blocked(status.lastOperation.description)
}

/** Puts the finalizer on and takes the request for an operation off. */
async function accept({ garden }: ReconcilePorts, shoot: Shoot): Promise<Shoot> {
  const relieved = await dropAnnotation(garden, shoot)
  const { finalizers = [], resourceVersion } = relieved.metadata
  if (finalizers.includes(gardenFinalizer)) return relieved
  return garden.patch(shoots, keyOf(shoot), {
    metadata: { finalizers: [...finalizers, gardenFinalizer], resourceVersion },
  })
}

async function dropAnnotation(garden: ReconcilePorts['garden'], shoot: Shoot): Promise<Shoot> {
  if (shoot.metadata.annotations?.[gardenAnnotations.operation] === undefined) return shoot
  const annotations = { [gardenAnnotations.operation]: null }
  return garden.patch(shoots, keyOf(shoot), { metadata: { annotations } })
}
