import type { JoinReport } from '@trellis/api/join-report'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { containerFacts, createFakeClient, filledWorker } from '../testing/fakes.ts'
import { createBeacon, sendReport } from './beacon.ts'

const report = (updatedAt: string): JoinReport => ({
  machine: 'first-a',
  role: 'worker',
  state: 'joining',
  startedAt: '0',
  updatedAt,
  restarts: {},
  steps: [],
})

function setUp(send: (report: JoinReport) => Promise<void>) {
  const clock = createVirtualClock()
  const stop = new AbortController()
  const options = { log: createSilentLog(), signal: stop.signal, send }
  return { clock, stop, beacon: createBeacon(clock, createSeededRandom('beacon'), options) }
}

describe('createBeacon', () => {
  it('sends the first report at once and of many that follow only the last', async () => {
    const sent: string[] = []
    const { beacon, clock } = setUp(async ({ updatedAt }) => void sent.push(updatedAt))
    beacon.offer(report('1'))
    beacon.offer(report('2'))
    beacon.offer(report('3'))
    await clock.advance(1_000)
    expect(sent[0]).toBe('1')
    expect(sent.at(-1)).toBe('3')
    expect(sent.length).toBeLessThanOrEqual(2)
  })

  it('keeps the latest report until the API server answers', async () => {
    const sent: string[] = []
    let up = false
    const { beacon, clock } = setUp(async ({ updatedAt }) => {
      if (!up) throw new Failure('Unavailable', 'not up')
      sent.push(updatedAt)
    })
    beacon.offer(report('1'))
    await clock.advance(60_000)
    beacon.offer(report('2'))
    await clock.advance(60_000)
    expect(sent).toEqual([])
    up = true
    await clock.advance(15_000)
    expect(sent).toEqual(['2'])
  })

  it('begins again after it had nothing to say', async () => {
    const sent: string[] = []
    const { beacon, clock } = setUp(async ({ updatedAt }) => void sent.push(updatedAt))
    beacon.offer(report('1'))
    await clock.advance(5_000)
    beacon.offer(report('2'))
    await clock.advance(5_000)
    expect(sent).toEqual(['1', '2'])
  })

  it('falls silent when the agent stops', async () => {
    const { beacon, clock, stop } = setUp(() => Promise.reject(new Failure('Unavailable', 'down')))
    beacon.offer(report('1'))
    await clock.advance(1_000)
    stop.abort(new Error('stopped'))
    await clock.advance(0)
    expect(clock.pending()).toEqual([])
  })
})

describe('sendReport', () => {
  it('applies the ConfigMap of its machine, so that the first report makes it', async () => {
    const client = createFakeClient(() => ({}))
    await sendReport(client, { configuration: filledWorker(), facts: containerFacts }, report('1'))
    expect(client.calls).toMatchObject([
      {
        method: 'PATCH',
        path: '/api/v1/namespaces/kube-system/configmaps/trellis-join-first-a?fieldManager=trellis-node-agent&force=true',
        contentType: 'application/apply-patch+yaml',
        body: { metadata: { name: 'trellis-join-first-a', namespace: 'kube-system' } },
      },
    ])
    const body = client.calls[0]?.body as { data: { report: string } }
    expect(JSON.parse(body.data.report)).toEqual(report('1'))
  })

  it('says which node may go on with it, where that is not called as its machine', async () => {
    const annotationsOf = async (nodeName: string | undefined) => {
      const client = createFakeClient(() => ({}))
      const configuration = filledWorker(nodeName === undefined ? {} : { nodeName })
      await sendReport(client, { configuration, facts: containerFacts }, report('1'))
      const body = client.calls[0]?.body as { metadata: { annotations?: unknown } } | undefined
      return body?.metadata.annotations
    }
    expect(await annotationsOf(undefined)).toBeUndefined()
    expect(await annotationsOf('{localHostname}')).toEqual({
      'trellis.internal/node': 'ip-10-250-0-3.eu-central-1.compute.internal',
    })
  })

  it('goes where the configuration says', async () => {
    const client = createFakeClient(() => ({}))
    const configuration = filledWorker({ beacon: { namespace: 'garden', name: 'beacon' } })
    await sendReport(client, { configuration, facts: containerFacts }, report('1'))
    expect(client.calls[0]?.path).toContain('/namespaces/garden/configmaps/beacon?')
  })
})
