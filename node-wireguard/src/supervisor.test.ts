import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import type { LaunchedProcess } from './launcher.ts'
import { supervise } from './supervisor.ts'

interface Scripted extends LaunchedProcess {
  readonly number: number
  end(how: string): void
  readonly asked: readonly string[]
}

function scripted(number: number, stubborn = false): Scripted {
  let end = (_: string) => {}
  const ended = new Promise<string>((resolve) => {
    end = resolve
  })
  const asked: string[] = []
  return {
    ...{ number, ended, end, asked },
    terminate: () => {
      asked.push('terminate')
      if (!stubborn) end('exit code 0')
    },
    kill: () => {
      asked.push('kill')
      end('signal SIGKILL')
    },
  }
}

function open(first: Scripted, refusals = 0) {
  const clock = createVirtualClock()
  const events: string[] = []
  const startedAt: number[] = []
  let count = first.number
  let left = refusals
  const supervisor = supervise<Scripted>({
    ...{ clock, random: createSeededRandom('supervisor'), first },
    start: async () => {
      startedAt.push(clock.now())
      if (left-- > 0) throw new Failure('Unavailable', 'no')
      return scripted(++count)
    },
    onEnd: (how) => events.push(`ended: ${how}`),
    onStart: () => events.push('started'),
    onRefusal: () => events.push('refused'),
  })
  return { clock, events, supervisor, startedAt }
}

describe('a supervisor', () => {
  it('starts what has ended again, and says so', async () => {
    const { clock, events, supervisor } = open(scripted(1))
    supervisor.running().end('exit code 3')
    await clock.advance(100)
    expect(events).toEqual(['ended: exit code 3', 'started'])
    expect([supervisor.running().number, supervisor.restarts()]).toEqual([2, 1])
    await supervisor[Symbol.asyncDispose]()
  })

  it('leaves more and more time between tries, up to five seconds, and none of that after one that was well', async () => {
    const { clock, events, supervisor, startedAt } = open(scripted(1), 12)
    supervisor.running().end('exit code 3')
    await clock.advance(60_000)
    const pauses = startedAt.slice(1).map((at, index) => at - (startedAt[index] ?? 0))
    expect(events.filter((event) => event === 'refused')).toHaveLength(12)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5000)
    expect(pauses.at(-1)).toBeGreaterThan((pauses[0] ?? 0) * 4)
    const endedAt = clock.now()
    supervisor.running().end('signal SIGSEGV')
    await clock.advance(100)
    expect((startedAt.at(-1) ?? 0) - endedAt).toBeLessThanOrEqual(100)
    await supervisor[Symbol.asyncDispose]()
  })

  it('lets the program end in the end, starts no other, and insists after two seconds', async () => {
    const first = scripted(1, true)
    const { clock, events, supervisor, startedAt } = open(first)
    const disposed = supervisor[Symbol.asyncDispose]()
    await clock.advance(1999)
    expect(first.asked).toEqual(['terminate'])
    await clock.advance(1)
    await disposed
    expect(first.asked).toEqual(['terminate', 'kill'])
    expect([events, startedAt]).toEqual([[], []])
  })

  it('gives up a start that is waited for', async () => {
    const { clock, supervisor, startedAt } = open(scripted(1), 1000)
    supervisor.running().end('exit code 3')
    await clock.advance(2000)
    const disposed = supervisor[Symbol.asyncDispose]()
    const tries = startedAt.length
    await disposed
    await clock.advance(10_000)
    expect(startedAt).toHaveLength(tries)
  })
})
