import { Failure } from '@trellis/foundation/failure'
import { type DiskSpec, scratchDisk } from './disk-spec.ts'
import type { NetworkInterfaceSpec } from './network-spec.ts'
import { ownTags } from './ownership.ts'
import type { GoogleProviderSpec } from './provider-spec.ts'

/** Keys of metadata that hold the user-data: the class has a secret for that. */
export const userDataKeys = ['user-data', 'startup-script'] as const

/** What the schema cannot say; throws `Invalid` with the first field that breaks a rule. */
export function checkSpec(spec: GoogleProviderSpec): void {
  checkPlace(spec)
  spec.disks.forEach(checkDisk)
  if (!spec.disks.some(({ boot }) => boot)) refuse('disks', 'no disk has "boot": true')
  spec.networkInterfaces.forEach(checkInterface)
  checkScheduling(spec)
  checkReservation(spec)
  checkMetadata(spec)
  ownTags(spec.tags)
}

function refuse(field: string, message: string, remedy?: string): never {
  const path = `providerSpec.${field}`
  throw new Failure('Invalid', message, remedy === undefined ? { field: path } : { field: path, remedy })
}

function checkPlace({ region, zone }: GoogleProviderSpec): void {
  if (!zone.startsWith(`${region}-`)) refuse('zone', `the zone ${zone} is not in the region ${region}`)
}

function checkDisk(disk: DiskSpec, index: number): void {
  const at = `disks[${index}]`
  const { type = '', image = '', boot = false, sizeGb = 0 } = disk
  if (type === scratchDisk) {
    if (disk.interface !== 'NVME' && disk.interface !== 'SCSI')
      refuse(`${at}.interface`, 'a local SSD needs NVME or SCSI')
    if (boot) refuse(`${at}.boot`, 'servers do not start from local SSDs')
    return
  }
  if (boot && image === '') refuse(`${at}.image`, 'a boot disk needs an image')
  if (!boot && image === '' && sizeGb === 0) refuse(`${at}.sizeGb`, 'a disk without an image needs a size')
}

const prefixLength = /^\/(\d{1,2})$/

function checkInterface(one: NetworkInterfaceSpec, index: number): void {
  const at = `networkInterfaces[${index}]`
  const { network = '', subnetwork = '', stackType = '', ipv6accessType = '', ipCidrRange = '' } = one
  if (network === '' && subnetwork === '') refuse(`${at}.subnetwork`, 'an interface needs a network or a subnetwork')
  if (ipv6accessType !== '' && stackType !== 'IPV4_IPV6') {
    refuse(`${at}.ipv6accessType`, 'addresses of version 6 need "stackType": "IPV4_IPV6"')
  }
  const bits = Number(prefixLength.exec(ipCidrRange)?.[1] ?? Number.NaN)
  if (ipCidrRange !== '' && !(bits >= 1 && bits <= 32))
    refuse(`${at}.ipCidrRange`, 'a range is written as its size, as in /24')
  if ((one.useAliasIPs ?? false) && ipCidrRange === '')
    refuse(`${at}.ipCidrRange`, 'alias addresses need the size of their range')
}

function checkScheduling({ gpu, scheduling = {} }: GoogleProviderSpec): void {
  const { onHostMaintenance, preemptible = false, provisioningModel, automaticRestart = false } = scheduling
  const spot = provisioningModel === 'SPOT'
  if (gpu !== undefined && onHostMaintenance !== undefined && onHostMaintenance !== 'TERMINATE') {
    refuse('scheduling.onHostMaintenance', 'servers with a GPU cannot move: this has to be TERMINATE')
  }
  if ((spot || preemptible) && onHostMaintenance === 'MIGRATE') {
    refuse('scheduling.onHostMaintenance', 'interruptible servers cannot move: this has to be TERMINATE')
  }
  if ((spot || preemptible) && automaticRestart) {
    refuse('scheduling.automaticRestart', 'interruptible servers are not started again')
  }
  if (preemptible && provisioningModel === 'STANDARD') {
    refuse('scheduling.provisioningModel', 'a server is either preemptible or standard')
  }
  if (scheduling.instanceTerminationAction !== undefined && !spot) {
    refuse('scheduling.instanceTerminationAction', 'only servers of the model SPOT are interrupted so')
  }
}

function checkReservation({ reservationAffinity: affinity }: GoogleProviderSpec): void {
  if (affinity === undefined) return
  const specific = affinity.consumeReservationType === 'SPECIFIC_RESERVATION'
  if (specific !== (affinity.values !== undefined)) {
    refuse('reservationAffinity.values', 'names of reservations belong to SPECIFIC_RESERVATION, and it needs them')
  }
  if (affinity.key !== undefined && !specific)
    refuse('reservationAffinity.key', 'only a specific reservation has a key')
}

function checkMetadata({ metadata = [] }: GoogleProviderSpec): void {
  const seen = new Set<string>()
  metadata.forEach(({ key }, index) => {
    const at = `metadata[${index}].key`
    if (userDataKeys.some((taken) => taken === key)) {
      refuse(at, `${key} is taken by the user-data`, 'put it into userData of the secret')
    }
    if (seen.has(key)) refuse(at, `${key} stands here twice`)
    seen.add(key)
  })
}
