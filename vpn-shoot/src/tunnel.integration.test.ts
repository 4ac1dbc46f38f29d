import { eventually } from 'node-wireguard/testing/eventually'
import { places, testProgram } from 'node-wireguard/testing/landscape'
import { nobody } from 'node-wireguard/testing/never'
import { tunnelMetricNames } from 'node-wireguard/tunnel/metrics'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPair, type Pair } from '../testing/pair.ts'

const reachable = [
  ['a node', places.nodeAddress, places.echoPort],
  ['a pod', places.podAddress, places.echoPort],
  ['a service', places.serviceAddress, places.servicePort],
] as const

describe('a tunnel through a front door', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await openPair()
    // Nothing may be green by accident: without the tunnel there is no way.
    expect(await pair.connect(places.podAddress, places.echoPort, 5, nobody)).toEqual({ problem: expect.any(String) })
    await pair.seed.start()
    await pair.shoot.start()
    await pair.connected()
  })

  afterAll(async () => {
    await pair[Symbol.asyncDispose]()
  })

  it.each(reachable)('reaches %s', async (_, address, port) => {
    expect(await pair.connect(address, port)).toEqual({ bytes: 5, seconds: expect.any(Number) })
  })

  it('carries full segments both ways over cables of 1,500 bytes', async () => {
    const bytes = 20_000_000
    expect(await pair.connect(places.podAddress, places.echoPort, bytes)).toEqual({
      bytes,
      seconds: expect.any(Number),
    })
  })

  it('shows its state on both ends', async () => {
    const seed = await eventually('traffic on the seed', async () => {
      const link = await pair.seed.link()
      return link.rxBytes > 0 ? link : undefined
    })
    expect(await pair.seed.status()).toMatchObject({ reason: 'connected', configured: true, up: true, switches: 0 })
    expect(seed).toMatchObject({
      role: 'listener',
      reason: 'connected',
      configured: true,
      up: true,
      carries: true,
      outgoing: false,
      mtu: 1420,
      lastHandshake: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      rttMilliseconds: expect.any(Number),
      lossRatio: expect.any(Number),
    })
    expect(await pair.shoot.link()).toMatchObject({ role: 'dialer', reason: 'connected', up: true, carries: true })
    for (const end of [pair.seed, pair.shoot]) {
      for (const path of ['/healthz', '/readyz', '/tunnelz']) expect(await end.get(path)).toMatchObject({ code: 200 })
      const { body } = await end.get('/metrics')
      expect(body).toMatch(/^trellis_vpn_tunnel_up 1$/m)
      const labels = `\\{link="${end.interfaceName}",peer="[^"]+"\\}`
      expect(body).toMatch(new RegExp(`^trellis_vpn_link_receive_bytes_total${labels} [1-9]\\d*$`, 'm'))
      expect(body).toMatch(new RegExp(`^trellis_vpn_link_round_trip_seconds${labels} 0\\.\\d+$`, 'm'))
      const shown = new Set([...body.matchAll(/^# TYPE trellis_vpn_(\w+) /gm)].map(([, name]) => name))
      expect([...tunnelMetricNames].filter((name) => !shown.has(name))).toEqual([])
    }
  })

  it('survives that the front door forgets its connections', async () => {
    const before = await pair.shoot.link()
    await pair.landscape.door.run('conntrack', '--flush')
    expect(await pair.connect(places.podAddress, places.echoPort)).toMatchObject({ bytes: 5 })
    expect((await pair.shoot.link()).repairs).toBe(before.repairs)
  })

  it('never lets the shoot begin anything, even a hostile one', async () => {
    const { vpn, seed } = pair.landscape
    const connect = async (address: string, port: number) =>
      JSON.parse(await vpn.run(process.execPath, testProgram('connect'), address, String(port), '5', String(nobody)))
    // The health server listens on every address of the seed's pod, so it is the filter alone that stands in the way.
    const here = await seed.run('curl', '--silent', 'http://192.168.123.1:9110/healthz')
    expect(here).toBe('ok\n')
    expect(await connect('192.168.123.1', 9110)).toEqual({ problem: 'timeout' })
    // Whoever owns the shoot owns its firewall and routes.
    await vpn.run('nft', 'delete', 'table', 'inet', 'tunnel_trellis')
    await vpn.run('ip', 'route', 'add', '10.1.0.0/24', 'dev', pair.shoot.interfaceName)
    expect(await connect('10.1.0.2', 9110)).toEqual({ problem: 'timeout' })
    expect(await connect('10.1.0.1', 9110)).toEqual({ problem: 'timeout' })
    const rules = await seed.run('nft', 'list', 'table', 'inet', 'tunnel_trellis')
    expect(rules).toMatch(/counter packets [1-9]\d* bytes \d+ drop/)
  })

  it('ends when asked and leaves the routes, so that nothing for the shoot goes astray', async () => {
    expect(await pair.seed.stop()).toBe(0)
    const { seed } = pair.landscape
    expect(await seed.run('ip', 'route', 'get', places.podAddress)).toContain(pair.seed.interfaceName)
    expect(await seed.run('sh', '-c', `pgrep -f -- "--foreground ${pair.seed.interfaceName}\\$" || true`)).toBe('')
    const unready = await eventually('the other end noticing', async () => {
      const answer = await pair.shoot.get('/readyz')
      return answer.code === 503 ? answer : undefined
    })
    // It has stopped to answer probes a moment before it stopped to answer handshakes.
    expect(unready.body).toMatch(/^(no-answer|probes-unanswered): /)
  })
})
