import type { Condition, KubernetesObject, Resource } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { Client } from './client.ts'
import { waitForObject } from './wait.ts'

/** What makes an API server serve a kind of ours, as far as we look into it. */
export interface CustomResourceDefinition extends KubernetesObject {
  spec: {
    group: string
    names: { kind: string; plural: string }
    scope: 'Namespaced' | 'Cluster'
    versions: readonly object[]
  }
  status?: { conditions?: Condition[] }
}

/** Where CustomResourceDefinitions are served. */
export const customResourceDefinitions: Resource<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}

/**
 * Applies definitions and waits until the API server serves all of their kinds. Harmless to repeat.
 * Throws `Unavailable`, with the conditions of the one that is missing, when the time is up.
 */
export async function installCustomResources(options: {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly definitions: readonly CustomResourceDefinition[]
  /** 30 s unless told. */
  readonly timeoutMilliseconds?: number
  readonly signal?: AbortSignal
}): Promise<void> {
  const { client, clock, random, definitions, timeoutMilliseconds = 30_000, signal } = options
  const install = async (definition: CustomResourceDefinition) => {
    await client.apply(customResourceDefinitions, definition)
    await waitForObject({
      client,
      clock,
      random,
      resource: customResourceDefinitions,
      key: { name: definition.metadata.name },
      until: isEstablished,
      timeoutMilliseconds,
      description: 'established',
      ...(signal === undefined ? {} : { signal }),
    })
  }
  await Promise.all(definitions.map(install))
}

function isEstablished({ status }: CustomResourceDefinition): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True') ?? false
}
