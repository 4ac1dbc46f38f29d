import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Instance, Operation, Place } from './client.ts'
import { classMetadata, wantedLabels } from './instance-body.ts'
import type { GoogleProviderSpec } from './provider-spec.ts'
import type { Session } from './session.ts'
import { userDataKeys } from './spec-rules.ts'

/** What the cloud can change on a server that runs. */
export const mutableFields = ['labels', 'metadata', 'tags'] as const

/** Metadata that others than the class put on servers: keys of people, and what the server began with. */
const foreignKeys: readonly string[] = [...userDataKeys, 'ssh-keys', 'block-project-ssh-keys', 'windows-keys']

/** Labels that the cloud's own services put on servers. */
const foreignLabel = /^goog-/

interface Change {
  apply(call: CallOptions | undefined): Promise<Operation>
}

/** Brings labels, network tags and metadata of a server up to the class, one after the other, and only those that differ. */
export async function updateInstance(
  session: Session,
  place: Place,
  instance: Instance,
  call?: CallOptions,
): Promise<void> {
  for (const change of changesOf(session, place, instance)) {
    try {
      await session.client.awaitOperation(place.zone, await change.apply(call), call)
    } catch (error) {
      if (!isFailure(error, 'Conflict')) throw error
      throw new Failure('Unavailable', `the server ${place.instance} was changed by somebody else meanwhile`, {
        cause: error,
      })
    }
  }
}

function changesOf({ client, spec }: Session, place: Place, instance: Instance): readonly Change[] {
  const changes: Change[] = []
  const labels = labelsToBe(spec, place.instance, instance)
  if (!sameRecord(labels, instance.labels)) {
    changes.push({ apply: (call) => client.setLabels(place, labels, instance.labelFingerprint ?? '', call) })
  }
  if (!sameMembers(spec.tags, instance.tags?.items ?? [])) {
    changes.push({ apply: (call) => client.setTags(place, spec.tags, instance.tags?.fingerprint ?? '', call) })
  }
  const metadata = metadataToBe(spec, instance)
  if (!sameRecord(asRecord(metadata), asRecord(instance.metadata?.items ?? []))) {
    changes.push({ apply: (call) => client.setMetadata(place, metadata, instance.metadata?.fingerprint ?? '', call) })
  }
  return changes
}

function labelsToBe(
  spec: GoogleProviderSpec,
  machineName: string,
  { labels }: Instance,
): Readonly<Record<string, string>> {
  const foreign = Object.entries(labels).filter(([key]) => foreignLabel.test(key))
  return { ...Object.fromEntries(foreign), ...wantedLabels(spec, machineName) }
}

function metadataToBe(spec: GoogleProviderSpec, { metadata }: Instance) {
  const wanted = classMetadata(spec)
  const named = new Set(wanted.map(({ key }) => key))
  const foreign = (metadata?.items ?? []).filter(({ key }) => foreignKeys.includes(key) && !named.has(key))
  return [...foreign, ...wanted].map(({ key, value = '' }) => ({ key, value }))
}

function asRecord(
  items: readonly { readonly key: string; readonly value?: string }[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(items.map(({ key, value = '' }) => [key, value]))
}

function sameRecord(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key])
}

function sameMembers(one: readonly string[], other: readonly string[]): boolean {
  return new Set(one).size === new Set(other).size && one.every((member) => other.includes(member))
}
