import { isFailure } from '@trellis/foundation/failure'
import type { Thing } from '../client.ts'
import type { InfrastructureTask, Scene } from '../scene.ts'

/** Something that differs from what is wanted, and how that is mended. */
export interface Drift {
  readonly field: string
  mend(): Promise<void>
}

/** How one thing with a name is kept. */
export interface Kept {
  readonly what: string
  readonly sort: 'Firewalls' | 'Networks' | 'Routers' | 'Subnetworks'
  /** Undefined when none is wanted: then one that was made earlier goes. */
  name(scene: Scene): string | undefined
  /** The name that it has, or had, when one is made. */
  usualName(scene: Scene): string
  body(scene: Scene): Promise<object>
  drifts(scene: Scene, found: Thing): Promise<readonly Drift[]>
}

/** A task that makes one thing, adopts it by its name, mends what differs, and takes it down. */
export function keep({ what, sort, name, usualName, body, drifts }: Kept): InfrastructureTask {
  const remove = async (scene: Scene, present: string) => {
    await scene.client.remove(sort, present)
    await scene.forget(what)
  }
  return {
    what,
    plan: async (scene) => {
      const wanted = name(scene)
      if (wanted === undefined) return scene.state()[what] === undefined ? [] : [{ action: 'delete', what }]
      const found = await scene.client.find(sort, wanted)
      if (found === undefined) return [{ action: 'create', what }]
      return (await drifts(scene, found)).map(({ field }) => ({ action: 'update', what, field }))
    },
    apply: async (scene) => {
      const wanted = name(scene)
      const known = scene.state()[what]
      if (wanted === undefined) {
        if (known !== undefined) await remove(scene, known)
        return
      }
      const found = (await scene.client.find(sort, wanted)) ?? (await create(scene, wanted))
      if (found === undefined) return
      await scene.remember(what, wanted)
      for (const drift of await drifts(scene, found)) await drift.mend()
    },
    destroy: async (scene) => {
      const present = scene.state()[what] ?? usualName(scene)
      if ((await scene.client.find(sort, present)) !== undefined) scene.request.note(`taking down ${present}`)
      await remove(scene, present)
    },
  }

  /** Undefined when it was made; what is there when somebody, likely an earlier run, was quicker. */
  async function create(scene: Scene, wanted: string): Promise<Thing | undefined> {
    try {
      await scene.client.create(sort, { name: wanted, ...(await body(scene)) }, () => scene.remember(what, wanted))
      return undefined
    } catch (error) {
      if (!isFailure(error, 'Conflict')) throw error
      return scene.client.find(sort, wanted)
    }
  }
}

/** The address of something that the cloud refers to by one. */
export function linkOf({ client, request }: Scene, sort: 'networks' | 'subnetworks', name: string): string {
  const scope = sort === 'networks' ? 'global' : `regions/${request.region}`
  return `https://www.googleapis.com/compute/v1/projects/${client.project}/${scope}/${sort}/${name}`
}

/** What tells the network of a shoot. */
interface NamedNetwork extends Pick<Scene, 'names'> {
  readonly wanted: Pick<Scene['wanted'], 'given'>
}

/** The name of the network that everything is in. */
export function networkOf({ wanted, names }: NamedNetwork): string {
  return wanted.given.network ?? names.network
}

/** What says whose a thing is, where the cloud has no labels for it. */
export function descriptionOf({ request }: Scene): string {
  return `Made by Trellis for ${request.technicalId}.`
}

/** Whether two values are written alike, whatever the order of lists of texts. */
export function same(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other)
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? ''
  const entries = Object.entries(value).filter(([key, inner]) => inner !== undefined && !key.startsWith('_'))
  return `{${entries
    .map(([key, inner]) => `${key}:${canonical(inner)}`)
    .sort()
    .join()}}`
}
