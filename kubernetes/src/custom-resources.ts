import { type CustomResourceDefinition, customResourceDefinitions } from '@trellis/api/core/extension'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { Client } from './client.ts'
import { waitForObject } from './wait.ts'

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
