import { type KubernetesObject, keyOf, keyText, type Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Client, WatchEvent, WatchOptions } from '@trellis/kubernetes/client'
import { type Faults, lost, type Outages } from './faults.ts'
import { type Life, never } from './life.ts'

/** What stands between one life of the controllers and one API server. */
export interface UnreliableClientOptions {
  readonly client: Client
  readonly cluster: keyof Outages
  /** Time of the world, which goes on when the life is over. */
  readonly clock: Clock
  readonly life: Life
  readonly faults: Faults
  /** Whether a request that was under way when its process was lost may still arrive. */
  readonly mayHaunt: () => boolean
  readonly note: (what: () => string) => void
  /** Told of every write that the server carried out. */
  readonly onWrite?: (what: () => string) => void
  /** Told when the controllers hear of the server. */
  readonly onAnswer?: () => void
}

/** A client as a process far from perfect networks has it: late, refused, without an answer, cut off; and silent once its process is lost. */
export function createUnreliableClient(options: UnreliableClientOptions): UnreliableClient {
  const { client } = options
  const cuts = new Set<AbortController>()
  options.life.onEnd(() => {
    for (const cut of cuts) cut.abort(lost('the process was lost'))
  })
  const read = <Value>(name: string, perform: () => Promise<Value>) =>
    exchange(options, { name, writes: false }, perform)
  const write = <Value>(name: string, perform: () => Promise<Value>, guarded = false) =>
    exchange(options, { name, writes: true, guarded }, perform)
  const nameOf = (verb: string, resource: Resource<KubernetesObject>, object: KubernetesObject) => {
    const { note } = object as { readonly note?: string }
    const name = object.metadata.name || object.metadata.generateName
    return note === undefined ? `${verb} ${resource.plural} ${name}` : `tell of ${name}: ${note}`
  }
  return {
    get: (resource, key) => read(`get ${resource.plural} ${key.name}`, () => client.get(resource, key)),
    find: (resource, key) => read(`find ${resource.plural} ${key.name}`, () => client.find(resource, key)),
    list: (resource, list) => read(`list ${resource.plural}`, () => client.list(resource, list)),
    watch: (resource, watch) => follow(options, cuts, resource, watch),
    create: (resource, object) => write(nameOf('create', resource, object), () => client.create(resource, object)),
    replace: (resource, object) =>
      write(nameOf('replace', resource, object), () => client.replace(resource, object), true),
    replaceStatus: (resource, object) =>
      write(nameOf('replace status of', resource, object), () => client.replaceStatus(resource, object), true),
    patch: (resource, key, patch, how) =>
      write(`patch ${resource.plural} ${key.name}`, () => client.patch(resource, key, patch, how), isGuarded(patch)),
    apply: (resource, object, how) =>
      write(nameOf('apply', resource, object), () => client.apply(resource, object, how)),
    delete: (resource, key, how) =>
      write(`delete ${resource.plural} ${key.name}`, () => client.delete(resource, key, how)),
    request: (request) =>
      exchange(options, { name: `${request.method} ${request.path}`, writes: request.method !== 'GET' }, () =>
        client.request(request),
      ),
    breakWatches: () => {
      for (const cut of cuts) cut.abort(lost('the watch broke off'))
    },
  }
}

/** A client whose watches can be broken. */
export interface UnreliableClient extends Client {
  breakWatches(): void
}

interface Exchange {
  readonly name: string
  readonly writes: boolean
  /** Whether the write names the version that it is based on. */
  readonly guarded?: boolean
}

async function exchange<Value>(
  options: UnreliableClientOptions,
  { name, writes, guarded = false }: Exchange,
  perform: () => Promise<Value>,
): Promise<Value> {
  const { life, faults, cluster, note } = options
  if (life.isOver()) return never()
  const title = () => `${cluster}: ${name}`
  await travel(options)
  if (life.isOver()) {
    if (writes && faults.random.integer(2) === 0 && options.mayHaunt()) {
      note(() => `${title()} arrives after its process was lost`)
      await perform().catch(() => {})
    }
    return never()
  }
  if (faults.outages[cluster]) throw lost('the API server does not answer')
  if (faults.strikes('requestFailure', () => `${title()} fails before the server acts`)) throw troubleBefore(faults)
  if (guarded && faults.strikes('spuriousConflict', () => `${title()} meets a conflict`))
    throw new Failure('Conflict', 'simulated: the object has been modified')
  const crash = writes ? faults.crashNow() : undefined
  if (crash === 'before') return endLife(options, () => `before ${title()}`)
  const answer = await perform()
  if (writes) options.onWrite?.(title)
  if (crash === 'after') return endLife(options, () => `after ${title()}`)
  await travel(options)
  if (life.isOver()) return never()
  if (faults.strikes('answerLoss', () => `${title()} succeeds without an answer`)) throw lost('the answer was lost')
  options.onAnswer?.()
  return answer
}

function endLife<Value>({ life, note }: UnreliableClientOptions, where: () => string): Promise<Value> {
  note(() => `crash ${where()}`)
  life.end()
  return never()
}

/** A request's way through the network, in the world's time. */
async function travel({ clock, faults }: UnreliableClientOptions): Promise<void> {
  const { latencyMilliseconds } = faults.rates()
  if (latencyMilliseconds === 0 || faults.random.integer(3) > 0) return
  await clock.sleep(1 + faults.random.fraction() ** 4 * latencyMilliseconds)
}

function troubleBefore(faults: Faults): Failure {
  return faults.random.integer(4) === 0
    ? new Failure('Throttled', 'simulated: too many requests', { retryAfterMilliseconds: 1000 })
    : lost('the connection was refused')
}

function isGuarded(patch: unknown): boolean {
  const { metadata } = (patch ?? {}) as { readonly metadata?: { readonly resourceVersion?: string } }
  return metadata?.resourceVersion !== undefined
}

async function* follow<Kind extends KubernetesObject>(
  options: UnreliableClientOptions,
  cuts: Set<AbortController>,
  resource: Resource<Kind>,
  watch: WatchOptions,
): AsyncGenerator<WatchEvent<Kind>> {
  const { client, life, faults, cluster } = options
  const title = () => `${cluster}: watch of ${resource.plural}`
  if (life.isOver()) return await never()
  if (faults.outages[cluster]) throw lost('the API server does not answer')
  const resumes = watch.resourceVersion !== undefined && watch.sendInitialEvents !== true
  if (resumes && faults.strikes('watchGone', () => `${title()} cannot resume`))
    throw new Failure('Gone', 'simulated: too old resource version')
  if (faults.strikes('requestFailure', () => `${title()} is refused`)) throw lost('the watch was refused')
  if (resumes) yield* repeated(options, resource, watch)
  const cut = new AbortController()
  cuts.add(cut)
  const signal = watch.signal === undefined ? cut.signal : AbortSignal.any([watch.signal, cut.signal])
  try {
    for await (const event of client.watch(resource, { ...watch, signal })) {
      if (life.isOver()) return await never()
      if (faults.strikes('watchLag', () => `${title()} is late`))
        await options.clock.sleep(faults.random.fraction() ** 2 * faults.rates().watchLagMilliseconds)
      if (life.isOver()) return await never()
      if (cut.signal.aborted || faults.strikes('watchBreak', () => `${title()} breaks`))
        throw lost('the watch broke off')
      yield event
    }
    if (life.isOver()) return await never()
    if (cut.signal.aborted) throw lost('the watch broke off')
  } finally {
    cuts.delete(cut)
  }
}

/** The last states of some objects up to where a watch resumes, told once more. */
async function* repeated<Kind extends KubernetesObject>(
  { client, faults, cluster }: UnreliableClientOptions,
  resource: Resource<Kind>,
  { namespace, labelSelector, fieldSelector, resourceVersion }: WatchOptions,
): AsyncGenerator<WatchEvent<Kind>> {
  if (!faults.strikes('watchRepeat', () => `${cluster}: watch of ${resource.plural} repeats itself`)) return
  const { items } = await client.list(resource, { namespace, labelSelector, fieldSelector })
  const told = items.filter(({ metadata }) => Number(metadata.resourceVersion) <= Number(resourceVersion))
  const few = told.filter(() => faults.random.integer(2) === 0)
  for (const object of few.sort((left, right) => (keyText(keyOf(left)) < keyText(keyOf(right)) ? -1 : 1)))
    yield { type: 'MODIFIED', object }
}
