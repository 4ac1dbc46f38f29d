import { expect } from 'vitest'
import { eventually } from './installation.ts'
import { asList, webServer } from './objects.ts'

interface PodView {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly nodeName: string }
  readonly status: { readonly podIP: string }
}

/** Sees that pods of two nodes reach each other. `kubectl` talks to the cluster, `image` is agnhost's. */
export async function expectPodsReachEachOther(
  kubectl: (args: readonly string[], input?: string) => Promise<string>,
  image: string,
): Promise<void> {
  await kubectl(['apply', '--server-side', '-f', '-'], asList(webServer(image, 2)))
  await kubectl(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  const pods = JSON.parse(await kubectl(['get', 'pods', '-l', 'app=web', '-o', 'json'])).items as readonly PodView[]
  const [one, other] = pods
  expect(new Set(pods.map(({ spec }) => spec.nodeName)).size).toBe(2)
  const dial = ['/agnhost', 'connect', '--timeout=5s', `${other?.status.podIP}:8080`]
  await eventually(60, () => kubectl(['exec', one?.metadata.name ?? '', '--', ...dial]))
}
