import type { LeftoverKind } from '@trellis/cloudprovider/contract/driver'
import { type FailureKind, InvariantError } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

const failureKinds: readonly FailureKind[] = [
  'NotFound',
  'Conflict',
  'Invalid',
  'Unauthorized',
  'Forbidden',
  'Exhausted',
  'Throttled',
  'Unavailable',
  'Timeout',
  'Gone',
  'Unimplemented',
]

const leftoverKinds: readonly LeftoverKind[] = ['network-interface', 'disk', 'port', 'address', 'load-balancer']

const milliseconds = Type.Number({ minimum: 0 })

const scriptedFailureSchema = Type.Object(
  {
    operation: Type.Unsafe<ScriptedOperation>({
      type: 'string',
      enum: ['create', 'initialize', 'update', 'delete', 'status', 'list', 'leftovers', 'boot', 'join'],
    }),
    /** Regular expression that the machine's name must match; every machine when absent. */
    machine: Type.Optional(Type.String()),
    /** How often it happens; once unless told. */
    times: Type.Optional(Type.Integer({ minimum: 1 })),
    /** `before` the cloud acts (unless told), or `after` it acted, so that only the answer is lost. */
    when: Type.Optional(Type.Unsafe<'before' | 'after'>({ type: 'string', enum: ['before', 'after'] })),
    kind: Type.Optional(Type.Unsafe<FailureKind>({ type: 'string', enum: [...failureKinds] })),
    message: Type.Optional(Type.String()),
    /** What a creation or deletion leaves behind in the cloud as it fails. */
    leaves: Type.Optional(Type.Array(Type.Unsafe<LeftoverKind>({ type: 'string', enum: [...leftoverKinds] }))),
    /** Whether the call seems to succeed all the same. */
    silent: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

/** What a scripted failure strikes: a call, the boot of a server (it ends up failed), or its joining (it never does). */
export type ScriptedOperation =
  | 'create'
  | 'initialize'
  | 'update'
  | 'delete'
  | 'status'
  | 'list'
  | 'leftovers'
  | 'boot'
  | 'join'

/** Something that will go wrong. */
export type ScriptedFailure = Static<typeof scriptedFailureSchema>

/** Schema of how a simulated cloud behaves. */
export const settingsSchema = Type.Object(
  {
    /** Time from the request to a running server; the creating call lasts as long. */
    createMilliseconds: Type.Optional(milliseconds),
    /** Time from a running server to its Node. */
    joinMilliseconds: Type.Optional(milliseconds),
    /** How often each Node renews its Lease, as its kubelet does (there every 10 s); never when absent. */
    leaseMilliseconds: Type.Optional(Type.Number({ minimum: 1000 })),
    /** How long after the end of its server a Node is called NotReady; never when absent, because a real controller of nodes' lives does it. */
    nodeLossMilliseconds: Type.Optional(milliseconds),
    deleteMilliseconds: Type.Optional(milliseconds),
    /** Time that every other call takes. */
    callMilliseconds: Type.Optional(milliseconds),
    /** Share by which every time varies, from 0 to 1. */
    jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    /** How long status and list go on showing the state of before. */
    visibilityLagMilliseconds: Type.Optional(milliseconds),
    /** Whether calls return as soon as the cloud accepted them instead of when it is done. */
    answersEarly: Type.Optional(Type.Boolean()),
    /** Most servers that may exist at a time; by machine type, `*` for all together. */
    quota: Type.Optional(
      Type.Unsafe<Record<string, number>>({ type: 'object', additionalProperties: { type: 'integer', minimum: 0 } }),
    ),
    /** Calls a second before the cloud answers `Throttled`. */
    callsPerSecond: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    /** Whether servers need {@link Driver.initializeMachine}. */
    needsInitialization: Type.Optional(Type.Boolean()),
    failures: Type.Optional(Type.Array(scriptedFailureSchema)),
  },
  { additionalProperties: false },
)

/** How a simulated cloud behaves. */
export type SimulatedSettings = Static<typeof settingsSchema>

const settingsParser = createParser(settingsSchema, 'settings of the simulated cloud')

/** Checks settings that came from a file. */
export function parseSettings(input: unknown): SimulatedSettings {
  return settingsParser.parse(input)
}

/** Failures that wait for their occasion. */
export interface FailureScript {
  add(failure: ScriptedFailure): void
  /** The failure that strikes now, if any; each is used up after its times. */
  take(
    operation: ScriptedOperation,
    machineName: string | undefined,
    when: 'before' | 'after',
  ): ScriptedFailure | undefined
}

/** Makes a script of failures. */
export function createFailureScript(failures: readonly ScriptedFailure[] = []): FailureScript {
  const waiting = new Map<ScriptedFailure, number>()
  const add = (failure: ScriptedFailure) => void waiting.set({ ...failure }, failure.times ?? 1)
  failures.forEach(add)
  return {
    add,
    take: (operation, machineName, when) => {
      for (const [failure, times] of waiting) {
        if (failure.operation !== operation || (failure.when ?? 'before') !== when) continue
        if (failure.machine !== undefined && !new RegExp(failure.machine).test(machineName ?? '')) continue
        if (times < 1) throw new InvariantError('a scripted failure outlived its times')
        if (times === 1) waiting.delete(failure)
        else waiting.set(failure, times - 1)
        return failure
      }
      return undefined
    },
  }
}
