import { secrets } from '@trellis/api/core/configuration'
import { credentialsBindings } from '@trellis/api/garden/credentials-binding'
import { secretBindings } from '@trellis/api/garden/project'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import type { HeldObject } from '@trellis/api/garden/shoot-status'
import { type KubernetesObject, keyOf, type Resource } from '@trellis/api/meta'
import { Failure, InvariantError, isFailure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import type { ShootCloud } from './cloud.ts'
import { findReference } from './credentials.ts'

/** Keeps what leads to a Shoot's credentials from vanishing while the Shoot needs them to take its infrastructure down. */
export interface HeldCredentials {
  /**
   * Puts the Shoot's finalizer on its binding and on the Secret behind it, durably noted in the Shoot's status before. Throws `Unavailable` that names the field
   * when one of them is on its way out already, or not there.
   */
  hold(): Promise<void>
  /** Lets go of what an earlier spec named. */
  letGoOfOthers(): Promise<void>
  /** Lets go of all. Harmless to repeat, and where nothing was ever held. */
  letGo(): Promise<void>
}

/** Whose credentials are held. */
export interface HeldCredentialsOptions {
  readonly garden: Client
  readonly cloud: ShootCloud
  readonly shoot: Shoot
  readonly technicalId: string
}

/** Kinds that are held. */
const kinds: readonly Resource<KubernetesObject>[] = [
  secrets as Resource<KubernetesObject>,
  credentialsBindings as Resource<KubernetesObject>,
  secretBindings as Resource<KubernetesObject>,
]

/** The finalizer of a shoot on its credentials: one of its own, so that shoots of any seed hold and let go without asking each other. */
export function credentialsFinalizer(technicalId: string): string {
  return `trellis.internal/${technicalId}`
}

/** Binds a Shoot to the objects that its credentials come from. Does nothing where the credentials are the seed's. */
export function createHeldCredentials(options: HeldCredentialsOptions): HeldCredentials {
  const { garden, cloud, shoot, technicalId } = options
  const finalizer = credentialsFinalizer(technicalId)
  let noted: readonly HeldObject[] = shoot.status?.heldCredentials ?? []
  const note = async (next: readonly HeldObject[]) => {
    if (sameObjects(noted, next)) return
    try {
      await garden.patch(shoots, keyOf(shoot), { status: { heldCredentials: next } }, { subresource: 'status' })
    } catch (error) {
      // As with identifiers: while anything of a shoot is left, its finalizer keeps it.
      if (!isFailure(error, 'NotFound')) throw error
    }
    noted = next
  }
  const wanted = async (): Promise<{ readonly field: string; readonly objects: readonly HeldObject[] }> => {
    const { field, objects } = await findReference(garden, cloud, shoot)
    return { field, objects }
  }
  const letGoOf = async (objects: readonly HeldObject[]) => {
    for (const object of objects) {
      await changeFinalizers(garden, object, ({ finalizers }) => finalizers.filter((one) => one !== finalizer))
    }
  }
  if (cloud.credentialsOf === 'seed') {
    const nothing = async () => {}
    return { hold: nothing, letGoOfOthers: nothing, letGo: nothing }
  }
  return {
    hold: async () => {
      const { field, objects } = await wanted()
      await note(together(noted, objects))
      for (const object of objects) {
        const found = await changeFinalizers(garden, object, ({ finalizers, going }) => {
          if (finalizers.includes(finalizer)) return finalizers
          if (going) throw refusal(field, object, 'is being deleted')
          return [...finalizers, finalizer]
        })
        if (found === 'missing') throw refusal(field, object, 'does not exist')
      }
    },
    letGoOfOthers: async () => {
      if (noted.length === 0) return
      const { objects } = await wanted()
      await letGoOf(noted.filter((one) => !objects.some((other) => isSame(one, other))))
      await note(objects)
    },
    letGo: async () => {
      // What the spec names now comes with what is noted, for Shoots whose status was lost.
      const named = await wanted().catch((error: unknown) => {
        if (isFailure(error, 'Unavailable', 'Invalid')) return { objects: [] }
        throw error
      })
      await letGoOf(together(noted, named.objects))
      await note([])
    },
  }
}

/** Tries of a change that somebody else always overtakes. */
const mostTries = 10

interface Present {
  readonly finalizers: readonly string[]
  readonly going: boolean
}

/** Changes the finalizers of an object as it stands; no write when they stay as they are. */
async function changeFinalizers(
  garden: Client,
  object: HeldObject,
  change: (present: Present) => readonly string[],
): Promise<'done' | 'missing'> {
  const resource = kinds.find(({ kind }) => kind === object.kind)
  if (resource === undefined) throw new InvariantError(`credentials are in no ${object.kind}`)
  const { namespace, name } = object
  for (let tries = 1; ; tries++) {
    const found = await garden.find(resource, { namespace, name })
    if (found === undefined) return 'missing'
    const { finalizers = [], deletionTimestamp, resourceVersion } = found.metadata
    const next = change({ finalizers, going: deletionTimestamp !== undefined })
    if (next.length === finalizers.length) return 'done'
    try {
      await garden.patch(resource, { namespace, name }, { metadata: { finalizers: next, resourceVersion } })
      return 'done'
    } catch (error) {
      // Its last finalizer went meanwhile, by a hand that was quicker.
      if (isFailure(error, 'NotFound')) return 'missing'
      if (!isFailure(error, 'Conflict') || tries >= mostTries) throw error
    }
  }
}

function refusal(field: string, { kind, namespace, name }: HeldObject, what: string): Failure {
  return new Failure('Unavailable', `${kind} ${namespace}/${name} ${what}`, {
    field,
    remedy: 'let the Shoot name other credentials, or create these anew',
  })
}

function together(some: readonly HeldObject[], more: readonly HeldObject[]): readonly HeldObject[] {
  return [...some, ...more.filter((one) => !some.some((other) => isSame(one, other)))]
}

function isSame(one: HeldObject, other: HeldObject): boolean {
  return one.kind === other.kind && one.namespace === other.namespace && one.name === other.name
}

function sameObjects(some: readonly HeldObject[], others: readonly HeldObject[]): boolean {
  return some.length === others.length && some.every((one) => others.some((other) => isSame(one, other)))
}
