import { type Cidr, overlaps, parseCidr } from '../cidr.ts'
import {
  cloudRoutesNetworking,
  defaultNodeCidrMaskSize,
  defaultShootNetworks,
  reservedNetworks,
} from '../garden/networks.ts'
import type { Seed } from '../garden/seed.ts'
import type { Shoot } from '../garden/shoot.ts'
import { type FieldError, fieldError } from './field-error.ts'

interface NamedRange {
  readonly name: string
  readonly field: string
  readonly range: Cidr
}

const roles = ['nodes', 'pods', 'services'] as const

/** What is wrong with the networks of a Shoot: unreadable ranges, and ranges that meet each other, the seed's or the house's own. */
export function validateShootNetworks(shoot: Shoot, seed: Seed | undefined): FieldError[] {
  const at = 'spec.networking'
  const networking = shoot.spec.networking ?? {}
  const errors: FieldError[] = []
  if (networking.type !== undefined && networking.type !== cloudRoutesNetworking) {
    errors.push(fieldError(`${at}.type`, `there is no network type ${networking.type}`, `use ${cloudRoutesNetworking}`))
  }
  const ranges = roles.flatMap((role): NamedRange[] => {
    const written = networking[role] ?? defaultShootNetworks[role]
    const range = parseCidr(written)
    const problem = rangeProblem(written, range)
    if (problem !== undefined) errors.push(fieldError(`${at}.${role}`, problem))
    return range === undefined ? [] : [{ name: role, field: `${at}.${role}`, range }]
  })
  errors.push(...overlapErrors(ranges, foreignRanges(seed)), ...capacityErrors(shoot, ranges))
  return errors
}

function rangeProblem(written: string, range: Cidr | undefined): string | undefined {
  if (range === undefined) return `${written} is not an IPv4 range such as 10.250.0.0/16`
  if (range.text !== written) return `${written} has bits behind its prefix; write ${range.text}`
  if (range.prefixLength < 8 || range.prefixLength > 28) return `${written} must have a prefix from /8 to /28`
  return undefined
}

function foreignRanges(seed: Seed | undefined): { readonly name: string; readonly range: Cidr }[] {
  const networks = seed?.spec.networks
  const named = [
    ...roles.map((role) => ({ name: `the ${role} of seed ${seed?.metadata.name}`, cidr: networks?.[role] })),
    ...reservedNetworks,
    ...(networks?.blockCIDRs ?? []).map((cidr) => ({
      name: `which seed ${seed?.metadata.name} keeps for itself`,
      cidr,
    })),
  ]
  return named.flatMap(({ name, cidr }) => {
    const range = cidr === undefined ? undefined : parseCidr(cidr)
    return range === undefined ? [] : [{ name, range }]
  })
}

function overlapErrors(
  own: readonly NamedRange[],
  foreign: readonly { readonly name: string; readonly range: Cidr }[],
): FieldError[] {
  return own.flatMap((one, index) => [
    ...own.slice(0, index).flatMap((other) => overlapError(one, `the ${other.name} of this Shoot`, other.range)),
    ...foreign.flatMap((other) => overlapError(one, other.name, other.range)),
  ])
}

function overlapError(one: NamedRange, otherName: string, other: Cidr): FieldError[] {
  if (!overlaps(one.range, other)) return []
  return [
    fieldError(
      one.field,
      `${one.range.text} overlaps ${other.text}, ${otherName}`,
      'choose a range that nothing else uses',
    ),
  ]
}

/** Every node needs a part of the pod network and an address. */
function capacityErrors(shoot: Shoot, ranges: readonly NamedRange[]): FieldError[] {
  const maskSize = shoot.spec.kubernetes?.kubeControllerManager?.nodeCIDRMaskSize ?? defaultNodeCidrMaskSize
  const nodes = (shoot.spec.provider.workers ?? []).reduce((sum, worker) => sum + Math.max(worker.maximum, 0), 0)
  return ranges.flatMap(({ name, field, range }) => {
    const room = name === 'pods' ? 2 ** (maskSize - range.prefixLength) : 2 ** (32 - range.prefixLength) - 4
    if (name === 'services' || nodes <= room) return []
    return [
      fieldError(
        field,
        `${range.text} has room for ${Math.floor(room)} nodes, the pools may grow to ${nodes}`,
        'choose a larger range or smaller maximum numbers of nodes',
      ),
    ]
  })
}
