import type { Ec2Client, Instance } from './client-types.ts'
import type { Place } from './cluster.ts'
import { metadataOptions } from './launch-options.ts'
import type { AwsProviderSpec } from './provider-spec.ts'
import type { MetadataOptions } from './run-request-types.ts'
import { ownInterfaceIds } from './server-description.ts'
import { nameTag, serverTags, tagChanges } from './server-tags.ts'

/** Paths of a provider spec that change on servers that run. */
export const mutableFields: readonly string[] = ['tags', 'monitoring', 'instanceMetadataOptions']

/** Brings tags, monitoring and metadata options up to the class; asks for nothing that is so already. */
export async function updateServer({ cluster, spec }: Place, instance: Instance, signal?: AbortSignal): Promise<void> {
  const { client, finder } = cluster
  finder.forget(instance.id)
  await updateTags(client, spec, instance, signal)
  const monitored = spec.monitoring === true
  if (instance.monitored !== monitored) await client.setMonitoring(instance.id, monitored, signal)
  const options = metadataChange(instance.metadata, spec)
  if (options !== undefined) await client.setMetadataOptions(instance.id, options, signal)
}

async function updateTags(client: Ec2Client, spec: AwsProviderSpec, instance: Instance, signal?: AbortSignal) {
  const { set, unset } = tagChanges(instance.tags, serverTags(instance.tags[nameTag] ?? '', spec))
  const ids = [instance.id, ...ownInterfaceIds(instance, spec), ...instance.ownVolumeIds]
  // Tags go first: which of them came from the class is known until the last tag says otherwise.
  if (unset.length > 0) await client.unsetTags(ids, unset, signal)
  if (Object.keys(set).length > 0) await client.setTags(ids, set, signal)
}

/** What EC2 gives servers whose class says nothing. */
const usualMetadata: MetadataOptions = {
  HttpEndpoint: 'enabled',
  HttpPutResponseHopLimit: 1,
  HttpTokens: 'optional',
  HttpProtocolIpv6: 'disabled',
}

/** The options that differ; what a class stopped saying goes back to what is usual only where the class says anything at all. */
function metadataChange(present: MetadataOptions, spec: AwsProviderSpec): MetadataOptions | undefined {
  const said = metadataOptions(spec.instanceMetadataOptions).MetadataOptions
  if (said === undefined) return undefined
  const wanted: MetadataOptions = { ...usualMetadata, ...said }
  const keys = Object.keys(wanted) as (keyof MetadataOptions)[]
  return keys.every((key) => (present[key] ?? usualMetadata[key]) === wanted[key]) ? undefined : wanted
}
