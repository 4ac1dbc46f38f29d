import { createGate } from '@trellis/foundation/gate'
import { eventually } from 'node-wireguard/testing/eventually'
import { nobody } from 'node-wireguard/testing/never'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ShootApiServer, startShootApiServer } from '../testing/api-server.ts'
import type { End } from '../testing/end.ts'
import { type Mesh, openMesh } from '../testing/mesh.ts'

const configMaps = '/api/v1/namespaces/default/configmaps'

/** What the API server should say to a write: every tenth is denied by the webhook, so that a webhook that is not asked would show. */
function judgementOf(answer: string): 'created' | 'denied' | string {
  if (answer.includes('"kind":"ConfigMap"')) return 'created'
  return answer.includes('denied the request: said by the shoot') ? 'denied' : answer
}

describe('an API server beside the tunnel', () => {
  let mesh: Mesh
  let server: ShootApiServer
  let writes = 0

  beforeAll(async () => {
    mesh = await openMesh({ seeds: 1, shoots: 2 })
    expect(await mesh.connect(seedOf(mesh), 5, nobody)).toEqual({ problem: expect.any(String) })
    // The second replica comes later: while there is one, whatever dies has to come back in its place.
    for (const end of [seedOf(mesh), replicaOf(mesh, 0)]) await end.start()
    await carrying()
    server = await startShootApiServer(mesh.laboratory, mesh.landscape)
  })
  afterAll(() => mesh[Symbol.asyncDispose]())

  async function carrying(): Promise<void> {
    await eventually('the tunnel', async () => ((await seedOf(mesh).status()).linksUp > 0 ? true : undefined))
  }

  interface Written {
    readonly wanted: string
    readonly got: string
    readonly begunAt: number
  }

  /** Writes a hundred at a time until so many are written; `onAnswer` is told how many there are. */
  function storm(count: number, onAnswer: (answered: number) => void = () => {}): Promise<readonly Written[]> {
    const gate = createGate(100)
    let answered = 0
    const write = async (number: number): Promise<Written> => {
      const wanted = number % 10 === 0 ? 'denied' : 'created'
      const name = `${wanted === 'denied' ? 'forbidden' : 'storm'}-${number}`
      const begunAt = performance.now()
      const answer = await server.send('POST', configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
      onAnswer(++answered)
      return { wanted, got: judgementOf(answer), begunAt }
    }
    return Promise.all(Array.from({ length: count }, () => gate(() => write(++writes))))
  }

  /** Does harm when a third of a storm is over. */
  async function stormWith(count: number, harm: () => Promise<void>) {
    let begun: Promise<number> | undefined
    const done = await storm(count, (answered) => {
      if (answered >= count / 3) begun ??= harm().then(() => performance.now())
    })
    return { done, overAt: (await begun) ?? Number.NaN }
  }

  const wrong = (done: readonly Written[]) => done.filter(({ wanted, got }) => wanted !== got)

  it('has each of thousands of writes judged by a webhook in the shoot, while long lists of an API and logs come from there', async () => {
    const log = Array.from({ length: 100_000 }, (_, line) => `line ${line}\n`).join('')
    const lists = async () => {
      for (let count = 0; count < 10; count++) {
        const list = JSON.parse(await server.send('GET', `/apis/golden.example/v1/long?number=${count}`))
        expect(list.items).toHaveLength(50_000)
        expect((await server.send('GET', '/api/v1/nodes/node/proxy/log')) === log).toBe(true)
      }
    }
    const began = performance.now()
    const [done] = await Promise.all([storm(3000), lists(), lists()])
    report('a storm', done, began)
    expect(wrong(done)).toEqual([])
  })

  it.each([
    ['the whole seed end', (one: Mesh) => restart(seedOf(one))],
    ['wireguard-go of the seed', (one: Mesh) => seedOf(one).killWireGuardGo()],
    ['the whole shoot end', (one: Mesh) => restart(replicaOf(one, 0))],
    ['wireguard-go of the shoot', (one: Mesh) => replicaOf(one, 0).killWireGuardGo()],
  ])('loses no answer when %s dies and starts again', async (what, harm) => {
    const began = performance.now()
    const { done } = await stormWith(1500, () => harm(mesh))
    report(what, done, began)
    expect(wrong(done)).toEqual([])
    await carrying()
  })

  it('goes on by the other replica when that which carries is gone for good', async () => {
    await replicaOf(mesh, 1).start()
    await mesh.connected()
    const carrier = await carrierOf(mesh)
    const began = performance.now()
    const { done, overAt } = await stormWith(1500, async () => {
      await carrier.killContainer()
      await eventually('the other replica', async () => ((await carrierOf(mesh)) === carrier ? undefined : true))
    })
    report('death of a replica', done, began)
    // A connection ends with the replica that lent it its address; whatever begins later uses the other.
    expect(wrong(done).filter(({ begunAt }) => begunAt > overAt)).toEqual([])
    expect(wrong(await storm(300))).toEqual([])
  })

  function report(what: string, done: readonly Written[], began: number): void {
    const seconds = Math.round(performance.now() - began) / 1000
    process.stdout.write(
      `${JSON.stringify({ what, writes: done.length, wrong: wrong(done).length, seconds, example: wrong(done)[0] })}\n`,
    )
  }
})

function seedOf(mesh: Mesh): End {
  const [seed] = mesh.seeds
  if (seed === undefined) throw new RangeError('a seed was asked for')
  return seed
}

function replicaOf(mesh: Mesh, index: number): End {
  const shoot = mesh.shoots[index]
  if (shoot === undefined) throw new RangeError('two replicas were asked for')
  return shoot
}

async function restart(end: End): Promise<void> {
  await end.killContainer()
  await end.start()
}

async function carrierOf(mesh: Mesh): Promise<End> {
  const link = (await seedOf(mesh).status()).links.find(({ carries }) => carries)
  const carrier = mesh.shoots.find((_, index) => link?.peer === `shoot-${index}`)
  if (carrier === undefined) throw new RangeError('nothing carries')
  return carrier
}
