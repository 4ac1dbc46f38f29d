import type { Collection } from '@trellis/cloudprovider/openstack/client'
import type { Identified } from '@trellis/cloudprovider/openstack/resources'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { root } from './configuration.ts'
import type { InfrastructureContext } from './context.ts'

/** Something of ours at the cloud that has a name. */
export interface Marked extends Identified {
  readonly description?: string
}

/** How things of one sort are found. */
export interface Sort<Item extends Marked> {
  /** Key of its id in the state. */
  readonly what: string
  readonly collection: Collection<Item>
}

/**
 * The cluster's own thing of a sort: by the id that was remembered, else by its name. One of that name that says it is another's does not count; one that says nothing
 * does, since the reference's manager writes names only. `Conflict` when there are several.
 */
export async function findOwn<Item extends Marked>(
  { memory, name, mark, call }: InfrastructureContext,
  { what, collection }: Sort<Item>,
): Promise<Item | undefined> {
  const id = memory.recall(what)
  if (id !== undefined) {
    const known = await unlessGone(() => collection.get(id, call))
    if (known !== undefined) return known
  }
  const named = (await collection.list({ name }, call)).filter((one) => one.name === name)
  const marked = named.filter(({ description }) => description === mark)
  const [first, ...more] = marked.length > 0 ? marked : named.filter(({ description = '' }) => description === '')
  if (more.length > 0) {
    throw new Failure('Conflict', `there are ${more.length + 1} of ${what} ${name}`, { remedy: 'delete all but one' })
  }
  return first
}

/** The cluster's own thing, made when there is none; its id is durable once this resolves. */
export async function ensureOwn<Item extends Marked>(
  context: InfrastructureContext,
  sort: Sort<Item>,
  fields: Readonly<Record<string, unknown>>,
): Promise<Item> {
  const { name, mark, memory, call } = context
  const item =
    (await findOwn(context, sort)) ?? (await sort.collection.create({ name, description: mark, ...fields }, call))
  await memory.remember(sort.what, item.id)
  return item
}

/** Removes the cluster's own thing, and forgets it. What is still in use is a thing of time: `Unavailable`. */
export async function removeOwn<Item extends Marked>(context: InfrastructureContext, sort: Sort<Item>): Promise<void> {
  const { memory, call } = context
  const item = await findOwn(context, sort)
  if (item !== undefined) await removeUnused(() => sort.collection.remove(item.id, call))
  await memory.remember(sort.what, undefined)
}

/** Something in use cannot be removed yet. */
export async function removeUnused(remove: () => Promise<unknown>): Promise<void> {
  try {
    await remove()
  } catch (error) {
    if (!isFailure(error, 'Conflict')) throw error
    throw new Failure('Unavailable', `${error.message}: something still uses it`, { cause: error })
  }
}

/** The value, or undefined when the cloud knows of no such thing. */
export async function unlessGone<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work()
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined
    throw error
  }
}

/** One that the user named by id; `Invalid` names the field when there is none. */
export async function findGiven<Item>(
  { call }: InfrastructureContext,
  collection: Collection<Item>,
  id: string,
  field: string,
): Promise<Item> {
  const item = await unlessGone(() => collection.get(id, call))
  if (item !== undefined) return item
  throw new Failure('Invalid', `the cloud has no ${id}`, { field: `${root}.${field}` })
}
