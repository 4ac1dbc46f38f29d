import { Failure } from '@trellis/foundation/failure'

/** Addresses in place of a cloud's own, by service, as in `{"ec2": "https://ec2.example"}`. */
export type CloudEndpoints = Readonly<Record<string, string>>

/** The flag that holds them. */
const field = '--cloud-endpoints'

/** Reads `ec2=https://ec2.example,iam=https://iam.example`; throws `Invalid` that names what is wrong with it. */
export function parseCloudEndpoints(text: string): CloudEndpoints {
  const pairs = text
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
  const read = pairs.map((pair) => {
    const [, service, address] = /^([a-z0-9-]+)=(https?:\/\/[^\s,=]+)$/.exec(pair) ?? []
    if (service !== undefined && address !== undefined) return [service, address] as const
    throw new Failure('Invalid', `${pair} names no service and its HTTP address`, {
      field,
      remedy: 'write service=address, comma-separated, as in ec2=https://ec2.example.org',
    })
  })
  return Object.fromEntries(read)
}

/** The addresses, if they are of services that the cloud has; throws `Invalid` that names the first other one, since its calls would go elsewhere in silence. */
export function endpointsOf<Service extends string>(
  cloud: string,
  services: readonly Service[],
  endpoints: CloudEndpoints,
): Readonly<Partial<Record<Service, string>>> {
  const known: readonly string[] = services
  const unknown = Object.keys(endpoints).find((name) => !known.includes(name))
  if (unknown === undefined) return endpoints as Readonly<Partial<Record<Service, string>>>
  throw new Failure('Invalid', `${cloud} has no service ${unknown} whose address could be set`, {
    field,
    remedy: services.length === 0 ? 'leave it out' : `choose of ${services.join(', ')}`,
  })
}
