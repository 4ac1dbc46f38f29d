import { expect } from 'vitest'
import { type Clusters, controlNamespace } from './clusters.ts'

/** An end of the tunnel in the seed, as it shows itself. */
export interface TunnelEnd {
  readonly linksUp: number
  readonly links: readonly { readonly peer: string; readonly carries: boolean }[]
}

/** Names of the API servers' pods that are Ready and not on their way out. */
export async function apiServerPods({ control }: Clusters): Promise<readonly string[]> {
  const { items } = JSON.parse(await control(['get', 'pods', '-l', 'app=kube-apiserver', '-o', 'json'])) as {
    items: readonly {
      readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
      readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
    }[]
  }
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ status }) => status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'))
    .map(({ metadata }) => metadata.name)
    .sort()
}

/** What the end beside an API server says of its links. */
export async function tunnelEnd({ control }: Clusters, pod: string): Promise<TunnelEnd> {
  const path = `/api/v1/namespaces/${controlNamespace}/pods/${pod}:9110/proxy/status`
  return JSON.parse(await control(['get', '--raw', path])) as TunnelEnd
}

/** Wishes for the control plane of the first shoot what `spec.controlPlane.highAvailability` says; nothing with null. */
export async function setHighAvailability({ garden }: Clusters, wanted: object | null): Promise<void> {
  const change = JSON.stringify({ spec: { controlPlane: { highAvailability: wanted } } })
  await garden(['patch', 'shoot', 'first', '--type=merge', '-p', change])
}

/** Expects that the first shoot is as it was last wished, with so many API servers, each of which has both its links up. */
export async function settledApiServers(clusters: Clusters, count: number): Promise<void> {
  const { metadata, status } = JSON.parse(await clusters.garden(['get', 'shoot', 'first', '-o', 'json']))
  expect([status.observedGeneration, status.lastOperation.state]).toEqual([metadata.generation, 'Succeeded'])
  const pods = await apiServerPods(clusters)
  expect(pods).toHaveLength(count)
  for (const pod of pods) expect((await tunnelEnd(clusters, pod)).linksUp).toBe(2)
}

/** What asking again and again has brought. */
export interface Answers {
  readonly asked: number
  readonly failures: readonly string[]
  /** Most failures one after the other. */
  readonly inARow: number
}

/** Asks again and again until what it returns is called, which tells what that has brought. */
export function keepAsking(ask: () => Promise<unknown>): () => Promise<Answers> {
  const failures: string[] = []
  let [asked, running, inARow] = [0, 0, 0]
  let stopped = false
  const run = async () => {
    while (!stopped) {
      const failure = await ask().then(() => undefined, String)
      asked++
      running = failure === undefined ? 0 : running + 1
      inARow = Math.max(inARow, running)
      if (failure !== undefined) failures.push(failure)
    }
  }
  const ended = run()
  return async () => {
    stopped = true
    await ended
    return { asked, failures, inARow }
  }
}
