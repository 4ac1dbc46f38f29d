import { type Deployment, deployments } from '@trellis/api/core/workload'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { expect, it } from 'vitest'
import { replaceOneByOne } from './replace-one-by-one.ts'

/** Against never alone. */
const patience = { timeout: 20_000 }

const namespace = 'somewhere'
const labels = { app: 'end' }

/** An API server with Deployments that a controller looks after, and a log of what that has replaced. */
async function openScene(names: readonly string[]) {
  const clock = createVirtualClock()
  const client = createFakeClient({ clock, random: createSeededRandom('scene') })
  const replaced: string[] = []
  /** Those whose new pods never get ready. */
  const broken = new Set<string>()
  const setStatus = async (name: string, available: number) => {
    const { metadata } = await client.get(deployments, { namespace, name })
    const status = { observedGeneration: metadata.generation ?? 1, updatedReplicas: 1, availableReplicas: available }
    await client.patch(deployments, { namespace, name }, { status }, { subresource: 'status' })
  }
  const apply = (name: string, image: string) =>
    client.apply(deployments, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { annotations: { image } } } },
    })
  for (const name of names) {
    await apply(name, 'old')
    await setStatus(name, 1)
  }
  const images = new Map(names.map((name) => [name, 'old']))
  const look = async ({ metadata, spec, status }: Deployment) => {
    if ((status?.observedGeneration ?? 0) >= (metadata.generation ?? 1)) return
    const image = spec?.template.metadata?.annotations?.image ?? ''
    const isNew = spec?.paused !== true && images.get(metadata.name) !== image
    if (spec?.paused === true) {
      const observed = { status: { observedGeneration: metadata.generation ?? 1 } }
      await client.patch(deployments, { namespace, name: metadata.name }, observed, { subresource: 'status' })
      return
    }
    images.set(metadata.name, image)
    if (isNew) {
      replaced.push(metadata.name)
      await setStatus(metadata.name, 0)
    }
    if (!broken.has(metadata.name)) await setStatus(metadata.name, 1)
  }
  const run = async () => {
    for await (const { type, object } of client.watch<Deployment>(deployments, {})) {
      if (type !== 'DELETED') await look(object)
    }
  }
  run().catch(() => undefined)
  const stop = new AbortController()
  const notes: string[] = []
  const replace = (
    wanted: readonly string[],
    image: string,
    standInsReady?: (names: readonly string[]) => Promise<void>,
  ) =>
    replaceOneByOne({
      groups: [{ client, namespace, labelSelector: 'app=end', several: wanted.length > 1 }],
      signal: stop.signal,
      note: (text) => void notes.push(text),
      install: async () => {
        for (const name of wanted) await apply(name, image)
      },
      ...(standInsReady === undefined ? {} : { standInsReady }),
    })
  const paused = async () =>
    (await client.list(deployments, { namespace })).items
      .filter(({ spec }) => spec?.paused === true)
      .map(({ metadata }) => metadata.name)
  return { client, replaced, broken, replace, stop, notes, paused }
}

it('replaces one after the other, each when those that stand in for it are ready', async () => {
  const { replaced, replace, paused } = await openScene(['end', 'end-1'])
  const story: string[] = []
  await replace(['end', 'end-1'], 'new', async (names) => void story.push(`${replaced.join()} then ${names.join()}`))
  await expect.poll(() => replaced, patience).toEqual(['end', 'end-1'])
  expect(story).toEqual([' then end-1', 'end then end'])
  expect(await paused()).toEqual([])
})

it('starts what is new before it replaces what was there', async () => {
  const { replaced, replace } = await openScene(['end'])
  await replace(['end', 'end-1'], 'new')
  await expect.poll(() => replaced, patience).toEqual(['end-1', 'end'])
})

it('leaves the other alone when the first does not come back, and goes on when it is asked again', async () => {
  const { broken, notes, paused, replace, replaced, stop } = await openScene(['end', 'end-1'])
  broken.add('end')
  const first = replace(['end', 'end-1'], 'bad')
  await expect.poll(() => notes, patience).toContain('end-1 waits for end')
  expect([replaced, await paused()]).toEqual([['end'], ['end-1']])
  stop.abort(new RangeError('called off'))
  await expect(first).rejects.toThrowError('called off')
})

it('goes on with what a call that was broken off has left, and serves again before the other is replaced', async () => {
  const { broken, client, paused, replace, replaced } = await openScene(['end', 'end-1'])
  broken.add('end')
  const never = new AbortController()
  const first = replaceOneByOne({
    groups: [{ client, namespace, labelSelector: 'app=end', several: true }],
    install: async () => {
      await client.patch(
        deployments,
        { namespace, name: 'end' },
        { spec: { template: { metadata: { annotations: { image: 'bad' } } } } },
      )
    },
    signal: never.signal,
    note: (text) => text.startsWith('end-1 waits') && never.abort(new RangeError('called off')),
  })
  await expect(first).rejects.toThrowError('called off')
  broken.delete('end')
  await replace(['end', 'end-1'], 'good')
  await expect.poll(() => replaced.slice(1), patience).toEqual(['end', 'end-1'])
  expect(await paused()).toEqual([])
})

it('replaces one that is alone at once, and takes no pause', async () => {
  const { client, replace, replaced } = await openScene(['end'])
  const calls = client.calls.length
  await replace(['end'], 'new')
  await expect.poll(() => replaced, patience).toEqual(['end'])
  expect(
    client.calls.slice(calls).filter(({ method, subresource }) => method === 'patch' && subresource === undefined),
  ).toEqual([])
})

it('lets one go on that was left paused when it became the only one', async () => {
  const { client, paused, replace } = await openScene(['end'])
  await client.patch(deployments, { namespace, name: 'end' }, { spec: { paused: true } })
  await replace(['end'], 'old')
  expect(await paused()).toEqual([])
})
