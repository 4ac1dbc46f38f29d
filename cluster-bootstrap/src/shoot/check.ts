import { parseCidr } from '@trellis/api/cidr'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import { type Flow, unreadOutputs } from '@trellis/flow/define-flow'
import { tunnelAddresses } from '../secrets/tunnel-files.ts'
import type { ShootServices } from '../tasks/services.ts'
import type { Blueprint } from './blueprint.ts'

/** Images without which a shoot would get stuck half made. */
export const neededImages = [
  'pause',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'coredns',
  'mcm',
  'cloud-controller-manager',
  'vpn-seed',
  'vpn-shoot',
] as const

/** What is to be carried out. */
export interface Plan {
  readonly blueprint: Blueprint
  readonly flow: Flow<ShootServices>
  readonly images: Readonly<Record<string, string>>
}

/**
 * Looks at a finished plan with eyes of its own, before anything is made: what is wrong here would only show up half-way.
 * Empty when the plan can be carried out.
 */
export function checkPlan({ blueprint, flow, images }: Plan): FieldError[] {
  return [...imageErrors(images), ...tunnelErrors(blueprint), ...nodeErrors(blueprint), ...flowErrors(flow)]
}

function imageErrors(images: Plan['images']): FieldError[] {
  return neededImages
    .filter((name) => (images[name] ?? '') === '')
    .map((name) => fieldError(`images.${name}`, 'is missing in the configuration of cluster-bootstrap', 'add it'))
}

/** An address inside the tunnel that is one of the cluster too would make one of them unreachable. */
function tunnelErrors({ networks }: Blueprint): FieldError[] {
  return (['nodes', 'pods', 'services'] as const).flatMap((kind) => {
    const range = parseCidr(networks[kind])
    const taken = tunnelAddresses.find((address) => {
      const own = parseCidr(`${address}/32`)
      return range !== undefined && own !== undefined && range.first <= own.first && own.last <= range.last
    })
    if (taken === undefined) return []
    const message = `${networks[kind]} contains ${taken}, which is an address of the tunnel`
    return [fieldError(`spec.networking.${kind}`, message, 'choose a range outside 192.168.123.0/24')]
  })
}

/** Every node needs a range of pods, also those that are there for a moment while others are replaced. */
function nodeErrors({ networks, pools }: Blueprint): FieldError[] {
  const range = parseCidr(networks.pods)
  if (range === undefined) return []
  const room = 2 ** (networks.nodeCidrMaskSize - range.prefixLength)
  const most = pools.reduce((sum, { worker }) => sum + worker.maximum + surgeOf(worker.maxSurge, worker.maximum), 0)
  if (most <= room) return []
  const message = `${networks.pods} has room for ${Math.max(0, Math.floor(room))} nodes of /${networks.nodeCidrMaskSize}, the pools may have ${most}`
  return [fieldError('spec.networking.pods', message, 'choose a wider range or smaller pools')]
}

function surgeOf(surge: number | string, maximum: number): number {
  if (typeof surge === 'number') return surge
  const number = Number.parseInt(surge, 10)
  return surge.endsWith('%') ? Math.ceil((maximum * number) / 100) : number
}

function flowErrors(flow: Flow<ShootServices>): FieldError[] {
  return unreadOutputs(flow).map((task) => fieldError(`flow.${task}`, 'produces something that nobody reads'))
}
