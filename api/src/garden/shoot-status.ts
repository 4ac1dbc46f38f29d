import { type Static, Type } from 'typebox'
import {
  choice,
  complete,
  flag,
  instant,
  int32,
  int64,
  list,
  optional,
  partial,
  text,
  textMap,
} from '../schema-parts.ts'
import { conditionsSchema, errorCodesSchema } from './common.ts'

/** What is being done to a Shoot and how far it is. */
export const shootLastOperationSchema = complete('What is being done and how far it is.', {
  type: choice('What is being done.', ['Create', 'Reconcile', 'Delete', 'Migrate', 'Restore']),
  state: choice('How it stands.', ['Pending', 'Processing', 'Succeeded', 'Error', 'Failed', 'Aborted']),
  progress: int32('How far it is, in percent.', { minimum: 0, maximum: 100 }),
  description: text('What is going on, for people; names the running tasks.'),
  lastUpdateTime: instant('When this was last written.'),
})
export type ShootLastOperation = Static<typeof shootLastOperationSchema>

/** An error that stands in the way. */
export const shootLastErrorSchema = complete('An error that stands in the way.', {
  description: text('What went wrong, for people.'),
  taskID: optional(text('The task that failed.')),
  codes: optional(errorCodesSchema()),
  lastUpdateTime: optional(instant('When it last happened.')),
})
export type ShootLastError = Static<typeof shootLastErrorSchema>

/** States of a task of the flow. */
export const shootTaskStates = ['Pending', 'Running', 'Succeeded', 'Failed', 'Skipped'] as const

/** One task of the flow that creates, reconciles or deletes the Shoot. */
export const shootTaskSchema = complete('One task of the flow.', {
  id: text('Name of the task.'),
  state: choice('How it stands.', shootTaskStates),
  startTime: optional(instant('When it first started.')),
  completionTime: optional(instant('When it ended.')),
  tries: optional(int32('How often it was tried.')),
  lastError: optional(text('Why the last try failed.')),
})
export type ShootTask = Static<typeof shootTaskSchema>
export type ShootTaskState = ShootTask['state']

/** Types of the conditions of a Shoot. */
export const shootConditionTypes = {
  apiServerAvailable: 'APIServerAvailable',
  controlPlaneHealthy: 'ControlPlaneHealthy',
  everyNodeReady: 'EveryNodeReady',
  systemComponentsHealthy: 'SystemComponentsHealthy',
} as const

/** Where the API server can be reached. */
const advertisedAddressSchema = complete('Where the API server can be reached.', {
  name: text('Who it is for: external, internal.'),
  url: text('URL of the API server.'),
})

const heldObjectSchema = complete('An object that leads to the credentials of the Shoot.', {
  kind: choice('Its kind.', ['Secret', 'CredentialsBinding', 'SecretBinding']),
  namespace: text('Its namespace.'),
  name: text('Its name.'),
})
export type HeldObject = Static<typeof heldObjectSchema>

/** What is known about a Shoot. */
export const shootStatusSchema = partial('What is known about the Shoot.', {
  conditions: conditionsSchema(),
  constraints: conditionsSchema(),
  gardener: complete('Who last worked on it.', {
    id: text('Identifier of the process.'),
    name: text('Name of the process.'),
    version: text('Version of the process.'),
  }),
  hibernated: flag('Whether the cluster is hibernated.'),
  lastOperation: shootLastOperationSchema,
  lastErrors: list('Errors that stand in the way.', shootLastErrorSchema),
  observedGeneration: int64('The generation of the spec that this status speaks of.'),
  retryCycleStartTime: instant('When trying to bring about the present generation began.'),
  seedName: text('The seed that runs the control plane.'),
  technicalID: text('The namespace of the control plane in the seed.'),
  uid: text('Unique identifier that outlives moves.'),
  advertisedAddresses: list('Where the API server can be reached.', advertisedAddressSchema),
  networking: partial('Address ranges that are in use.', {
    nodes: list('Ranges of the nodes.', Type.String()),
    pods: list('Ranges of the pods.', Type.String()),
    services: list('Ranges of the services.', Type.String()),
    egressCIDRs: list('Addresses from which the cluster reaches the outside.', Type.String()),
  }),
  infrastructure: partial('What was made for the Shoot at its cloud. Gardener keeps it in an object of its own.', {
    engine: text('What made it and carries it on: sdk or opentofu.'),
    state: textMap('Identifiers at the cloud by what they name, as in vpc; written as soon as anything is made.'),
  }),
  heldCredentials: list(
    'What bears the finalizer of the Shoot until its infrastructure is gone. Not known to Gardener, which has one finalizer for all.',
    heldObjectSchema,
  ),
  tasks: list('The tasks of the present or last flow. Not known to Gardener.', shootTaskSchema, {
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['id'],
  }),
})
export type ShootStatus = Static<typeof shootStatusSchema>
