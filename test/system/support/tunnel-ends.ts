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

/** Asks again and again until it is disposed, and keeps what failed. */
export function keepAsking(
  ask: () => Promise<unknown>,
): AsyncDisposable & { readonly asked: () => number; readonly failures: string[] } {
  const failures: string[] = []
  let asked = 0
  let stopped = false
  const run = async () => {
    while (!stopped) {
      await ask().catch((error: unknown) => failures.push(String(error)))
      asked++
    }
  }
  const running = run()
  return {
    failures,
    asked: () => asked,
    [Symbol.asyncDispose]: async () => {
      stopped = true
      await running
    },
  }
}
