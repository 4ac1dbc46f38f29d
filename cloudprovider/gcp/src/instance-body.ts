import { type DiskSpec, scratchDisk } from './disk-spec.ts'
import type { NetworkInterfaceSpec } from './network-spec.ts'
import { keptLabel, ownLabels } from './ownership.ts'
import type { GoogleProviderSpec } from './provider-spec.ts'

/** Longest value of metadata. */
export const userDataLimitBytes = 262_144

/** The server to be made for a machine, as the API wants it. `userData` is complete. */
export function instanceBody(project: string, machineName: string, spec: GoogleProviderSpec, userData: string): object {
  const { zone, gpu, minCpuPlatform = '', description, reservationAffinity } = spec
  return {
    name: machineName,
    machineType: addressOf(spec.machineType, `zones/${zone}/machineTypes`),
    canIpForward: spec.canIpForward ?? false,
    deletionProtection: spec.deletionProtection ?? false,
    ...(description === undefined ? {} : { description }),
    labels: wantedLabels(spec, machineName),
    tags: { items: spec.tags },
    metadata: { items: [userDataItem(userData), ...classMetadata(spec)] },
    disks: spec.disks.map((disk) => diskBody(disk, spec, machineName)),
    networkInterfaces: spec.networkInterfaces.map((one) => interfaceBody(one, project, spec.region)),
    scheduling: schedulingBody(spec),
    serviceAccounts: spec.serviceAccounts ?? [],
    ...(minCpuPlatform === '' ? {} : { minCpuPlatform }),
    ...(gpu === undefined ? {} : { guestAccelerators: [acceleratorBody(gpu, project, zone)] }),
    ...(reservationAffinity === undefined ? {} : { reservationAffinity: reservationBody(reservationAffinity) }),
    ...shieldingBody(spec),
    ...(spec.advancedMachineFeatures === undefined ? {} : { advancedMachineFeatures: spec.advancedMachineFeatures }),
  }
}

/** Labels of a machine's server: the class's, and ours, which win. */
export function wantedLabels(spec: GoogleProviderSpec, machineName: string): Readonly<Record<string, string>> {
  return { ...spec.labels, ...ownLabels(spec.tags, machineName) }
}

/** Metadata that the class names. */
export function classMetadata({ metadata = [] }: GoogleProviderSpec): readonly { key: string; value: string }[] {
  return metadata.map(({ key, value }) => ({ key, value: value ?? '' }))
}

function userDataItem(userData: string): { key: string; value: string } {
  return { key: userData.startsWith('#cloud-config') ? 'user-data' : 'startup-script', value: userData }
}

/** A name below its collection; what is an address already stays as it is. */
function addressOf(name: string, collection: string): string {
  return name.includes('/') ? name : `${collection}/${name}`
}

function diskBody(disk: DiskSpec, spec: GoogleProviderSpec, machineName: string): object {
  const { zone } = spec
  const scratch = disk.type === scratchDisk
  const autoDelete = disk.autoDelete ?? true
  const common = { autoDelete, boot: disk.boot ?? false, ...(disk.interface ? { interface: disk.interface } : {}) }
  if (scratch) {
    return { ...common, type: 'SCRATCH', initializeParams: { diskType: `zones/${zone}/diskTypes/local-ssd` } }
  }
  const { interface: _onlyOfLocalDisks, ...persistent } = common
  return {
    ...persistent,
    type: 'PERSISTENT',
    ...encryptionBody(disk),
    initializeParams: parametersOf(disk, spec, machineName),
  }
}

function parametersOf(disk: DiskSpec, spec: GoogleProviderSpec, machineName: string): object {
  const { sizeGb = 0, type = '', image = '', provisionedIops = 0, provisionedThroughput = 0, storagePool = '' } = disk
  const kept = disk.autoDelete === false ? { [keptLabel]: '1' } : {}
  return {
    labels: { ...disk.labels, ...ownLabels(spec.tags, machineName), ...kept },
    ...(sizeGb > 0 ? { diskSizeGb: sizeGb } : {}),
    ...(type === '' ? {} : { diskType: addressOf(type, `zones/${spec.zone}/diskTypes`) }),
    ...(image === '' ? {} : { sourceImage: image }),
    ...(provisionedIops > 0 ? { provisionedIops } : {}),
    ...(provisionedThroughput > 0 ? { provisionedThroughput } : {}),
    ...(storagePool === '' ? {} : { storagePool }),
  }
}

function encryptionBody({ encryption }: DiskSpec): object {
  if (encryption === undefined || encryption === null) return {}
  const { kmsKeyName, kmsKeyServiceAccount = '' } = encryption
  return { diskEncryptionKey: { kmsKeyName, ...(kmsKeyServiceAccount === '' ? {} : { kmsKeyServiceAccount }) } }
}

function interfaceBody(one: NetworkInterfaceSpec, project: string, region: string): object {
  const { network = '', subnetwork = '', stackType = '', ipv6accessType = '', ipCidrRange = '' } = one
  const external = !(one.disableExternalIP ?? false)
  const { subnetworkRangeName = '' } = one
  return {
    ...(network === '' ? {} : { network: addressOf(network, `projects/${project}/global/networks`) }),
    ...(subnetwork === '' ? {} : { subnetwork: addressOf(subnetwork, `regions/${region}/subnetworks`) }),
    ...(external ? { accessConfigs: [{ name: 'External NAT', type: 'ONE_TO_ONE_NAT' }] } : {}),
    ...(stackType === '' ? {} : { stackType }),
    ...(ipv6accessType === 'EXTERNAL'
      ? { ipv6AccessConfigs: [{ name: 'external-ipv6', type: 'DIRECT_IPV6', networkTier: 'PREMIUM' }] }
      : {}),
    ...(ipCidrRange === '' || one.useAliasIPs === false
      ? {}
      : { aliasIpRanges: [{ ipCidrRange, ...(subnetworkRangeName === '' ? {} : { subnetworkRangeName }) }] }),
  }
}

function schedulingBody({ gpu, scheduling = {} }: GoogleProviderSpec): object {
  const interruptible = scheduling.provisioningModel === 'SPOT' || (scheduling.preemptible ?? false)
  const fixed = interruptible || gpu !== undefined
  return {
    automaticRestart: !interruptible && (scheduling.automaticRestart ?? true),
    onHostMaintenance: scheduling.onHostMaintenance ?? (fixed ? 'TERMINATE' : 'MIGRATE'),
    preemptible: interruptible,
    ...(scheduling.provisioningModel === undefined ? {} : { provisioningModel: scheduling.provisioningModel }),
    ...(scheduling.instanceTerminationAction === undefined
      ? {}
      : { instanceTerminationAction: scheduling.instanceTerminationAction }),
  }
}

function acceleratorBody(
  gpu: { readonly acceleratorType: string; readonly count: number },
  project: string,
  zone: string,
): object {
  return {
    acceleratorType: addressOf(gpu.acceleratorType, `projects/${project}/zones/${zone}/acceleratorTypes`),
    acceleratorCount: gpu.count,
  }
}

function reservationBody(affinity: NonNullable<GoogleProviderSpec['reservationAffinity']>): object {
  const specific = affinity.consumeReservationType === 'SPECIFIC_RESERVATION'
  return {
    ...affinity,
    ...(specific ? { key: affinity.key ?? 'compute.googleapis.com/reservation-name' } : {}),
  }
}

function shieldingBody({ shieldedInstanceConfiguration: shielding }: GoogleProviderSpec): object {
  if (shielding === undefined) return {}
  return {
    shieldedInstanceConfig: {
      enableIntegrityMonitoring: shielding.integrityMonitoring ?? false,
      enableSecureBoot: shielding.secureBoot ?? false,
      enableVtpm: shielding.vtpm ?? false,
    },
  }
}
