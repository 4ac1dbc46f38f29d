import { Failure } from '@trellis/foundation/failure'

/** A service as `openstack-client` looks it up. */
export interface CatalogueService {
  readonly type: string
  readonly endpoints: readonly { readonly interface: string; readonly region: string; readonly url: string }[]
}

/** Services by the type that `openstack-client` asks for, each under one address: that of the wished region and interface. */
export type Catalogue = readonly CatalogueService[]

/** Which of a service's addresses are wished. */
export interface EndpointWish {
  readonly region: string
  /** `public` unless told. */
  readonly interface?: string
}

/** Types under which clouds list a service, those of newer clouds first; and the version that `openstack-client` adds by itself. */
const services = [
  { type: 'load-balancer', listedAs: ['load-balancer'], added: '/v2' },
  { type: 'compute', listedAs: ['compute'], added: '' },
  { type: 'network', listedAs: ['network'], added: '/v2.0' },
  { type: 'image', listedAs: ['image'], added: '/v2' },
  { type: 'volumev3', listedAs: ['block-storage', 'volumev3', 'volume', 'block-store'], added: '' },
]

/** Makes Keystone's catalogue, unchecked, into one that can be called. Throws `Invalid` that names the region when nothing is in it, `Unavailable` when the catalogue makes no sense. */
export function readCatalogue(listed: unknown, wish: EndpointWish): Catalogue {
  const entries = readEntries(listed)
  const wanted = wish.interface ?? 'public'
  const regions = new Set(entries.flatMap(({ endpoints }) => endpoints.map(({ region }) => region)))
  if (!regions.has(wish.region)) {
    throw new Failure('Invalid', `the cloud has no region ${wish.region}`, {
      field: 'providerSpec.spec.region',
      remedy: `choose from ${[...regions].sort().join(', ') || 'none: the project sees no endpoints'}`,
    })
  }
  return services.flatMap(({ type, listedAs, added }) => {
    const found = listedAs
      .flatMap((name) => entries.filter((entry) => entry.type === name))
      .flatMap(({ endpoints }) => endpoints)
      .find((one) => one.interface === wanted && one.region === wish.region)
    if (found === undefined) return []
    const bare = found.url.replace(/\/+$/, '')
    const url = added !== '' && bare.endsWith(added) ? bare.slice(0, -added.length) : bare
    return [{ type, endpoints: [{ ...found, url }] }]
  })
}

function readEntries(listed: unknown): Catalogue {
  if (!Array.isArray(listed)) throw new Failure('Unavailable', "Keystone's answer has no catalogue")
  return listed.flatMap((entry: Partial<CatalogueService> | null) => {
    if (typeof entry?.type !== 'string' || !Array.isArray(entry.endpoints)) return []
    const endpoints = entry.endpoints.filter(
      (one) => typeof one?.url === 'string' && URL.canParse(one.url) && /^https?:/.test(one.url),
    )
    return [{ type: entry.type, endpoints }]
  })
}
