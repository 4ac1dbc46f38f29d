import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import manifest from '@google-cloud/compute/package.json' with { type: 'json' }
import { InvariantError } from '@trellis/foundation/failure'
import { computeMethods } from '../methods.ts'

/** A message, enumeration or service as protobuf.js writes them in JSON, as far as trimming looks. */
interface Descriptor {
  readonly fields?: Readonly<Record<string, { readonly type: string }>>
  readonly nested?: Readonly<Record<string, Descriptor>>
  readonly methods?: Readonly<Record<string, { readonly requestType: string; readonly responseType: string }>>
}

type Namespace = Readonly<Record<string, Descriptor>>

/** Message definitions of the Compute API, in protobuf.js's JSON, and the version of `@google-cloud/compute` that they come from. */
export interface ComputeDescriptors {
  readonly version: string
  readonly root: object
}

const path = ['google', 'cloud', 'compute', 'v1']

/**
 * The message definitions of `@google-cloud/compute`, without the methods that nobody here calls and the messages that only those need: a hundredth of the whole.
 */
export async function trimDescriptors(): Promise<ComputeDescriptors> {
  const file = fileURLToPath(import.meta.resolve('@google-cloud/compute/build/protos/protos.json'))
  const all = JSON.parse(await readFile(file, 'utf8')) as Descriptor
  const namespace = path.reduce<Descriptor | undefined>((outer, name) => outer?.nested?.[name], all)?.nested
  if (namespace === undefined) throw new InvariantError(`${file} defines no ${path.join('.')}`)
  const google = all.nested?.google?.nested ?? {}
  const kept = { ...google, cloud: nest(['compute', 'v1'], reachable(namespace)) }
  return { version: manifest.version, root: { nested: { google: { nested: kept } } } }
}

function nest(names: readonly string[], nested: Namespace): Descriptor {
  return names.reduceRight<Descriptor>((inner, name) => ({ nested: { [name]: inner } }), { nested })
}

/** The services with the methods in use, and every message that those lead to. */
function reachable(namespace: Namespace): Namespace {
  const kept = new Map<string, Descriptor>()
  const visit = (type: string) => {
    const name = type.replace(`.${path.join('.')}.`, '').split('.')[0] ?? ''
    const found = namespace[name]
    if (found === undefined || kept.has(name)) return
    kept.set(name, found)
    walk(found)
  }
  const walk = ({ fields = {}, nested = {} }: Descriptor) => {
    for (const { type } of Object.values(fields)) visit(type)
    for (const inner of Object.values(nested)) walk(inner)
  }
  for (const [service, methods] of Object.entries(computeMethods)) {
    const known = namespace[service]
    const found = methods.map((name) => [name, known?.methods?.[name]] as const)
    for (const [name, method] of found) {
      if (method === undefined) throw new InvariantError(`the Compute API has no ${service}.${name}`)
      visit(method.requestType)
      visit(method.responseType)
    }
    kept.set(service, { ...known, methods: Object.fromEntries(found) } as Descriptor)
  }
  return Object.fromEntries([...kept].sort(([one], [other]) => (one < other ? -1 : 1)))
}
