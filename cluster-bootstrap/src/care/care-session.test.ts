import { instantText } from '@trellis/api/conditions'
import { configMaps } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { shoots } from '@trellis/api/garden/shoot'
import { keyOf } from '@trellis/api/meta'
import { tunnelReportPlace } from '@trellis/api/tunnel-report'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { afterEach, describe, expect, it } from 'vitest'
import { createShootWorld, storedShoot } from '../../testing/shoot-world.ts'
import { tunnelAvailable } from './assess.ts'
import { runCare } from './care-session.ts'

const stop: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const one of stop.splice(0)) await one()
})

/** A shoot with one Ready node that is looked after; whether the tunnel works is up to the test. */
async function lookAfter() {
  const { clock, garden, shootApi, services } = createShootWorld()
  const shoot = await garden.create(shoots, storedShoot())
  const key = keyOf(shoot)
  const ready = { conditions: [{ type: 'Ready', status: 'True' as const }] }
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-a' } }
  await shootApi.create(nodes, node)
  await shootApi.patch(nodes, { name: 'node-a' }, { status: ready }, { subresource: 'status' })
  const tunnel = { works: true }
  shootApi.onRequest(({ path }) => {
    if (!path.endsWith('/proxy/healthz')) return undefined
    if (tunnel.works) return { status: 200, body: 'ok' }
    throw new Failure('Unavailable', 'no route to host')
  })
  const own = new AbortController()
  const options = {
    ...services,
    random: createSeededRandom('care'),
    log: createSilentLog(),
    client: shootApi,
    key,
    technicalId: services.blueprint.technicalId,
    current: () => shoot,
  }
  const running = runCare(options, own.signal).catch(() => undefined)
  stop.push(async () => {
    own.abort()
    await running
  })
  const condition = async () =>
    (await garden.get(shoots, key)).status?.conditions?.find(({ type }) => type === tunnelAvailable)
  const report = async (view: object) => {
    const text = JSON.stringify({ explanation: '', ...view, reportedAt: instantText(clock.now()) })
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: tunnelReportPlace, data: { 'vpn-shoot': text } }
    await shootApi.apply(configMaps, object)
  }
  return { clock, tunnel, condition, report }
}

describe('looking after a shoot', () => {
  it("says from the shoot's own report why its API server does not reach the nodes", async () => {
    const { clock, tunnel, condition, report } = await lookAfter()
    await clock.advance(40_000)
    expect(await condition()).toMatchObject({ status: 'True' })
    tunnel.works = false
    await report({ up: false, reason: 'no-answer', explanation: 'UDP seems to be blocked' })
    await clock.advance(40_000)
    const said = (await condition())?.message
    expect(said).toContain('no route to host')
    expect(said).toContain('vpn-shoot says no-answer: UDP seems to be blocked')
    tunnel.works = true
    await clock.advance(40_000)
    expect(await condition()).toMatchObject({ status: 'True', message: 'The API server reaches the kubelets.' })
  })

  it('says that there is no report, when there is none or it is old', async () => {
    const { clock, tunnel, condition, report } = await lookAfter()
    await report({ up: true, reason: 'connected' })
    tunnel.works = false
    await clock.advance(40_000)
    expect((await condition())?.message).toContain('vpn-shoot says that the tunnel is up')
    await clock.advance(180_000)
    expect((await condition())?.message).toContain('has not reported for minutes')
  })
})
