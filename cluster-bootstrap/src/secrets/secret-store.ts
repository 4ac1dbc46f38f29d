import { createHash } from 'node:crypto'
import { type Secret, secrets } from '@trellis/api/core/configuration'
import type { Client } from '@trellis/kubernetes/client'

/** Contents of one Secret as text, by key. */
export type SecretData = Readonly<Record<string, string>>

/** What a Secret is to hold. */
export interface WantedSecret {
  readonly name: string
  /** What the contents were made for: contents made for the same are kept. */
  readonly purpose: unknown
  /** Whether its readers see changes by themselves, so that no pod has to be replaced; no unless told. */
  readonly followed?: boolean | undefined
  /** Whether contents that were made for the same purpose may stay; true unless told. */
  readonly usable?: (data: SecretData) => boolean
  readonly make: () => Promise<SecretData> | SecretData
}

/** The Secrets of one control namespace: what is there and fits is kept, what is missing or no longer fits is made. */
export interface SecretStore {
  ensure(wanted: WantedSecret): Promise<SecretData>
  /** Changes whenever the contents of a Secret of this store change whose readers do not see that by themselves. */
  checksum(): string
}

const purposeAnnotation = 'trellis.internal/purpose'

/** Label of the Secrets that are kept here. */
export const secretLabels = { 'app.kubernetes.io/part-of': 'shoot-control-plane' } as const

/** Reads the namespace once and makes a store of it. */
export async function openSecretStore(client: Client, namespace: string): Promise<SecretStore> {
  const { items } = await client.list(secrets, { namespace })
  const present = new Map(items.map((secret) => [secret.metadata.name, secret]))
  const digests = new Map<string, string>()
  return {
    ensure: async (wanted) => {
      const purpose = digestOf(wanted.purpose)
      const found = present.get(wanted.name)
      const kept = found === undefined ? undefined : keepable(found, purpose, wanted)
      const data = kept ?? (await write(client, namespace, wanted, purpose, found))
      if (wanted.followed !== true) digests.set(wanted.name, digestOf(data))
      return data
    },
    checksum: () => digestOf([...digests.entries()].sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

function keepable(found: Secret, purpose: string, wanted: WantedSecret): SecretData | undefined {
  if (found.metadata.annotations?.[purposeAnnotation] !== purpose) return undefined
  const data = decodeSecret(found)
  return (wanted.usable?.(data) ?? true) ? data : undefined
}

async function write(
  client: Client,
  namespace: string,
  wanted: WantedSecret,
  purpose: string,
  found: Secret | undefined,
): Promise<SecretData> {
  const data = await wanted.make()
  const object: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: wanted.name,
      namespace,
      labels: { ...secretLabels },
      annotations: { [purposeAnnotation]: purpose },
      // Two processes that both believe to be in charge must not overwrite each other's keys.
      ...(found?.metadata.resourceVersion === undefined ? {} : { resourceVersion: found.metadata.resourceVersion }),
    },
    type: 'Opaque',
    data: encodeSecret(data),
  }
  await (found === undefined ? client.create(secrets, object) : client.replace(secrets, object))
  return data
}

/** The contents of a Secret as text. */
export function decodeSecret(secret: Secret): SecretData {
  return Object.fromEntries(
    Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  )
}

/** Text as the contents of a Secret. */
export function encodeSecret(data: SecretData): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
}

/** SHA-256 of a JSON value, in hexadecimal. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
