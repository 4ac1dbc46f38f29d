import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSystemClock } from '@trellis/foundation/clock'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { configMap, configMaps } from '../testing/kinds.ts'
import { createClient } from './client.ts'
import { createClientMetrics } from './client-prometheus.ts'
import { createRateLimiter } from './rate-limit.ts'

describe('client', () => {
  it('tells of its requests', async () => {
    await using server = await serve()
    const registry = new Registry()
    using client = createClient({
      clock: createSystemClock(),
      kubeconfig: { server: server.url, skipTlsVerify: false, user: {} },
      userAgent: 'trellis-test/1.2',
      observe: createClientMetrics(registry),
      limit: { perSecond: 1_000, burst: 10 },
    })
    await client.create(configMaps, configMap('a', 'b'))
    await client.delete(configMaps, { namespace: 'a', name: 'absent' })
    server.stop()
    await expect(client.get(configMaps, { namespace: 'a', name: 'b' })).rejects.toMatchObject({ kind: 'Unavailable' })
    const text = await registry.metrics()
    const host = new URL(server.url).host
    expect(text).toContain(`rest_client_requests_total{code="201",method="POST",host="${host}"} 1`)
    expect(text).toContain(`rest_client_requests_total{code="404",method="DELETE",host="${host}"} 1`)
    expect(text).toContain(`rest_client_requests_total{code="<error>",method="GET",host="${host}"} 1`)
    expect(text).toContain(`rest_client_request_latency_seconds_count{verb="POST",url="${host}"} 1`)
    expect(server.agents).toContain('trellis-test/1.2')
  })
})

describe('rate limit', () => {
  it('lets a burst through, then a steady stream, in order', async () => {
    const clock = createVirtualClock()
    const limiter = createRateLimiter(clock, { perSecond: 10, burst: 3 })
    const start = clock.now()
    const turns: number[] = []
    for (let index = 0; index < 6; index++) limiter.turn().then(() => turns.push(clock.now() - start))
    await clock.advance(1_000)
    expect(turns).toEqual([0, 0, 0, 100, 200, 300])
    turns.length = 0
    await clock.advance(10_000)
    for (let index = 0; index < 4; index++) limiter.turn().then(() => turns.push(clock.now() - start - 11_000))
    await clock.advance(1_000)
    expect(turns).toEqual([0, 0, 0, 100])
  })

  it('lets a caller give up', async () => {
    const clock = createVirtualClock()
    const limiter = createRateLimiter(clock, { perSecond: 1, burst: 1 })
    await limiter.turn()
    const stop = new AbortController()
    const turn = limiter.turn(stop.signal)
    stop.abort(new TypeError('enough'))
    await expect(turn).rejects.toThrow('enough')
    expect(clock.pending()).toEqual([])
  })
})

async function serve() {
  const agents: (string | undefined)[] = []
  const server = createServer((request, response) => {
    agents.push(request.headers['user-agent'])
    response.writeHead(request.method === 'POST' ? 201 : 404).end('{"kind":"Status","details":{"name":"absent"}}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () => {
    server.close()
    server.closeAllConnections()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    agents,
    stop,
    [Symbol.asyncDispose]: async () => stop(),
  }
}
