import { secrets } from '@trellis/api/core/configuration'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import type { ShootTask } from '@trellis/api/garden/shoot-status'
import type { Task } from '@trellis/flow/task'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { firstShoot, garden } from '../../garden/garden.ts'
import { firstShootObject } from '../../garden/objects.ts'
import { paths } from '../../installation.ts'
import { writeWhole } from '../../store.ts'
import type { TaskView } from '../../view/task-line.ts'
import type { UpServices } from '../services.ts'
import { partsOutput } from './parts.ts'

const key = { namespace: garden.projectNamespace, name: firstShoot.name }

/** Asks for the first shoot; one that exists already is left as its owner made it. */
export const shoot: Task<UpServices> = {
  id: 'shoot',
  dependsOn: ['garden objects', 'tunnel door', 'parts'],
  consumes: [partsOutput],
  retry: { backoff: { firstMilliseconds: 250, longestMilliseconds: 1000 }, deadlineMilliseconds: 60_000 },
  run: async ({ services, read }) => {
    const client = await services.garden()
    try {
      await client.create(shoots, firstShootObject(read(partsOutput).kubernetesVersion))
    } catch (error) {
      if (!isFailure(error, 'Conflict')) throw error
    }
  },
}

/** Follows the shoot until it is ready, showing the tasks of its own flow. */
export const shootReady: Task<UpServices> = {
  id: 'shoot ready',
  dependsOn: ['shoot'],
  retry: { backoff: { firstMilliseconds: 250, longestMilliseconds: 1000 }, deadlineMilliseconds: 900_000 },
  timeoutMilliseconds: 900_000,
  run: async ({ services, signal, note }) => {
    const client = await services.garden()
    await untilReady(client, signal, (current) => {
      services.showChildren('shoot ready', (current.status?.tasks ?? []).map(viewOf))
      const operation = current.status?.lastOperation
      if (operation !== undefined) note(`${operation.progress} % ${operation.description}`)
    })
  },
}

/** Keeps the shoot's kubeconfig where `trellis kubectl` finds it. */
export const shootKubeconfig: Task<UpServices> = {
  id: 'shoot kubeconfig',
  dependsOn: ['shoot ready'],
  run: async ({ services }) => {
    const client = await services.garden()
    const secret = await client.get(secrets, { namespace: key.namespace, name: `${key.name}.kubeconfig` })
    const text = Buffer.from(secret.data?.kubeconfig ?? '', 'base64').toString()
    await writeWhole(paths(services.installation).shootKubeconfig(key.name), text)
  },
}

/** Whether the newest wish has been fulfilled. */
export function isReady(current: Shoot): boolean {
  const { status, metadata } = current
  return status?.lastOperation?.state === 'Succeeded' && status.observedGeneration === metadata.generation
}

async function untilReady(client: Client, signal: AbortSignal, show: (current: Shoot) => void): Promise<void> {
  const current = await client.get(shoots, key)
  show(current)
  if (isReady(current)) return
  refuseFailed(current)
  const events = client.watch(shoots, {
    namespace: key.namespace,
    fieldSelector: `metadata.name=${key.name}`,
    ...(current.metadata.resourceVersion === undefined ? {} : { resourceVersion: current.metadata.resourceVersion }),
    signal,
  })
  for await (const { type, object } of events) {
    if (type === 'BOOKMARK') continue
    if (type === 'DELETED') throw new Failure('NotFound', `the shoot ${key.name} was deleted`)
    show(object)
    if (isReady(object)) return
    refuseFailed(object)
  }
  throw new Failure('Unavailable', 'the watch ended')
}

/** A shoot that will not become ready by itself ends the wait. */
function refuseFailed({ status }: Shoot): void {
  if (status?.lastOperation?.state !== 'Failed') return
  const [first] = status.lastErrors ?? []
  throw new Failure('Invalid', first?.description ?? status.lastOperation.description, {
    remedy: '"trellis logs cluster-bootstrap" tells more; "trellis up" tries again',
  })
}

function viewOf(task: ShootTask): TaskView {
  return {
    id: task.id,
    state: task.state,
    ...(task.startTime === undefined ? {} : { startedAt: Date.parse(task.startTime) }),
    ...(task.completionTime === undefined ? {} : { finishedAt: Date.parse(task.completionTime) }),
    tries: task.tries ?? 0,
    ...(task.lastError === undefined ? {} : { lastError: task.lastError }),
  }
}
