import { describe, expect, it } from 'vitest'
import { Failure } from './failure.ts'
import { startHealthServer } from './health-server.ts'

async function ask(path: string): Promise<readonly [number, string]> {
  await using server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    ready: () => 'not yet',
    pages: {
      '/greeting': (query) => ({ type: 'text/plain', body: `hello ${query.get('who')}` }),
      '/trouble': () => {
        throw new Failure('Invalid', 'is no number', { field: 'seconds' })
      },
    },
  })
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`)
  return [answer.status, (await answer.text()).trim()]
}

describe('the health server', () => {
  it.each([
    ['/healthz', 200, 'ok'],
    ['/readyz', 503, 'not yet'],
    ['/greeting?who=you', 200, 'hello you'],
    ['/trouble', 500, 'seconds: is no number'],
    ['/nowhere', 404, 'not found'],
  ])('answers %s with %i', async (path, code, text) => {
    expect(await ask(path)).toEqual([code, text])
  })
})
