import type { JoinReport, JoinStep } from '@trellis/api/join-report'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { idleDriver } from '../idle-driver.ts'
import { joiningOf, takeConsole, tidy } from './join-story.ts'
import { describeReport } from './joining.ts'

const report = (steps: readonly JoinStep[], changes: Partial<JoinReport> = {}): JoinReport => ({
  machine: 'machine-a',
  role: 'worker',
  state: 'joining',
  startedAt: '2026-01-01T00:00:01.000Z',
  updatedAt: '2026-01-01T00:00:02.000Z',
  restarts: {},
  steps: [...steps],
  ...changes,
})
const failing = (tries: number, state: JoinStep['state'] = 'failed'): JoinStep => ({
  name: 'reach-api-server',
  state,
  tries,
  error: 'https://a:1 does not answer',
})

describe('the story of joining', () => {
  it('does not change when a step is merely tried again', () => {
    const first = report([failing(4)])
    const again = report([failing(5, 'running')], { updatedAt: '2026-01-01T00:00:09.000Z' })
    expect(joiningOf(again)).toEqual(joiningOf(first))
    expect(describeReport(again)).toBe(describeReport(first))
  })

  it('keeps no secret and no more than is bearable', () => {
    const step = { ...failing(1), error: `token=abcdef.0123456789abcdef ${'x'.repeat(1000)}` }
    const cloudInit = { state: 'error' as const, errors: Array.from({ length: 50 }, () => 'password: hunter2') }
    const story = joiningOf(
      report(
        Array.from({ length: 100 }, () => step),
        { cloudInit },
      ),
    )
    expect(JSON.stringify(story)).not.toMatch(/hunter2|0123456789abcdef/)
    expect(story.steps).toHaveLength(30)
    expect(story.steps?.[0]?.error).toHaveLength(300)
    expect(story.cloudInit?.errors).toHaveLength(5)
  })

  it.each(['', 'now', '2026-13-45', '+012026-01-01T00:00:00Z', '1900-01-01T00:00:00Z', 'x'.repeat(9999)])(
    'leaves out what is no instant, which would keep the whole status from being written: %j',
    (text) => {
      const step = { name: 'a', state: 'done' as const, tries: 9e15, startedAt: text, finishedAt: text }
      const cloudInit = { state: 'done' as const, finishedAt: text }
      const story = joiningOf(report([step], { bootedAt: text, startedAt: text, cloudInit }))
      expect(story).toEqual({
        state: 'joining',
        cloudInit: { state: 'done' },
        steps: [{ name: 'a', state: 'done', tries: 2 ** 30 }],
      })
    },
  )

  it('says what cloud-init complains of', () => {
    const cloudInit = { state: 'degraded' as const, errors: ['no such module'] }
    expect(describeReport(report([failing(1)], { cloudInit }))).toContain(
      'cloud-init ended with state degraded: no such module',
    )
  })
})

describe('the console', () => {
  it.each([
    ['colours', '\u001b[32mgreen\u001b[0m', 'green'],
    ['control characters', 'a\r\nb\u0007', 'a\nb'],
    ['empty lines', 'a\n\n  \nb  ', 'a\nb'],
    ['secrets of the class', 'key 0123456789', 'key [redacted]'],
  ])('loses %s', (_what, text, expected) => {
    expect(tidy(text, ['0123456789'])).toEqual({ text: expected })
  })

  it('is cut to its last lines', () => {
    const { text, cut } = tidy(Array.from({ length: 90 }, (_, index) => `${index} ${'x'.repeat(190)}`).join('\n'), [])
    expect(text.length).toBeLessThanOrEqual(2500)
    expect(text.split('\n').at(-1)).toMatch(/^89 /)
    expect(cut).toBe(true)
  })

  const request = { machineName: 'a', providerSpec: {}, secret: { userData: 'x' } }
  const ask = (getConsoleOutput?: Driver['getConsoleOutput']) =>
    takeConsole({ ...idleDriver, ...(getConsoleOutput === undefined ? {} : { getConsoleOutput }) }, request, {
      now: epoch,
      signal: new AbortController().signal,
    })

  it('is not asked of a cloud that has none', async () => {
    expect(await ask()).toBeUndefined()
  })

  it('tells why it could not be read', async () => {
    const broken = async () => {
      throw new Failure('Unavailable', 'the cloud is down')
    }
    expect((await ask(broken))?.text).toContain('the cloud is down')
  })
})
