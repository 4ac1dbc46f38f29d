import { configMaps, secrets as secretResource } from '@trellis/api/core/configuration'
import { pods } from '@trellis/api/core/pod'
import { deployments } from '@trellis/api/core/workload'
import { tunnelReportPlace } from '@trellis/api/tunnel-report'
import type { Task } from '@trellis/flow/task'
import { describe } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { decodeSecret, digestOf, encodeSecret, type SecretData } from '../secrets/secret-store.ts'
import { type LinkStage, missingLinks } from '../shoot/known-links.ts'
import { replicaName, upTo } from '../shoot/tunnel-ports.ts'
import { waitForObject } from '../wait.ts'
import { tunnelEndName } from './front-door.ts'
import { briefly, type ShootServices } from './services.ts'

/** Longest that links are waited for: a tunnel that is broken must not keep its repair away. */
const patienceMilliseconds = 120_000
const nudgeAnnotation = 'trellis.internal/links'

/** How many ends the tunnel has in the seed now, be they wanted or not. */
export async function presentTunnelEnds(
  services: Pick<ShootServices, 'seed' | 'blueprint' | 'httpConnect'>,
): Promise<number> {
  const { seed, blueprint } = services
  const labelSelector = `app=${tunnelEndName(services)}`
  return (await seed.list(deployments, { namespace: blueprint.technicalId, labelSelector })).items.length
}

/** Brings a Secret into the shoot; never by way of a chart's values, which Helm stores. */
export function putShootSecret(client: Client, name: string, data: SecretData) {
  return client.apply(secretResource, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'kube-system', labels: { 'app.kubernetes.io/part-of': 'shoot-addons' } },
    type: 'Opaque',
    data: encodeSecret(data),
  })
}

/** What waiting for links needs. */
export interface LinksAwaited {
  readonly client: Client
  readonly services: Pick<ShootServices, 'clock'>
  /** Ends in the seed, by number. */
  readonly ends: readonly number[]
  readonly stage: LinkStage
  readonly signal: AbortSignal
  readonly note: (text: string) => void
}

/** Waits until every end in the shoot that lives has links to these ends in the seed, for two minutes at most. */
export async function awaitLinks({ client, services, ends, stage, signal, note }: LinksAwaited): Promise<void> {
  const { clock } = services
  const peers = ends.map((end) => replicaName('vpn-seed', end))
  const patience = new AbortController()
  const timer = clock.setTimer(patienceMilliseconds, () => patience.abort())
  try {
    await waitForObject({
      ...{ client, resource: configMaps, key: tunnelReportPlace, note },
      signal: AbortSignal.any([signal, patience.signal]),
      judge: (found) => {
        const missing = missingLinks(found?.data ?? {}, { peers, stage, now: clock.now() })
        return missing === undefined ? { value: true } : { missing }
      },
    })
  } catch (error) {
    if (signal.aborted || !patience.signal.aborted) throw error
    note(`${stage} links were waited for in vain`)
  } finally {
    timer.cancel()
  }
}

/**
 * Tells the ends in a shoot that runs of links to ends in the seed that are about to come, so that these are of use from their first moment. Does nothing when no end is to come, or none is there
 * yet; and a shoot that cannot be reached is passed over, since what comes may be what repairs it.
 */
export const tunnelLinks: Task<ShootServices> = {
  id: 'tunnel-links',
  dependsOn: ['secrets'],
  retry: briefly,
  run: async ({ services, signal, note }) => {
    const { seed, blueprint } = services
    const present = await presentTunnelEnds(services)
    const coming = upTo(blueprint.apiServerReplicas).slice(present)
    if (present === 0 || coming.length === 0) return
    const key = { namespace: blueprint.technicalId, name: 'vpn-shoot' }
    const data = decodeSecret(await seed.get(secretResource, key))
    try {
      const { client } = await services.connectToShoot()
      await tellEnds(client, data)
      await awaitLinks({ client, services, ends: coming, stage: 'known', signal, note })
    } catch (error) {
      signal.throwIfAborted()
      note(`the shoot could not be told: ${describe(error)}`)
    }
  },
}

/** The annotation makes kubelets look at mounted Secrets at once. */
async function tellEnds(client: Client, data: SecretData): Promise<void> {
  const namespace = 'kube-system'
  await putShootSecret(client, 'vpn-shoot', data)
  const metadata = { annotations: { [nudgeAnnotation]: digestOf(data).slice(0, 12) } }
  const { items } = await client.list(pods, { namespace, labelSelector: 'k8s-app=vpn-shoot' })
  for (const pod of items) await client.patch(pods, { namespace, name: pod.metadata.name }, { metadata })
}
