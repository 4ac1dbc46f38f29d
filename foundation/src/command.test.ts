import { describe, expect, it, vi } from 'vitest'
import { createCommandRunner, runOrThrow } from './command.ts'
import { isFailure } from './failure.ts'

const runner = createCommandRunner()

describe('createCommandRunner', () => {
  it('returns code and both streams', async () => {
    const result = await runner.run('sh', ['-c', 'cat; echo problem >&2; exit 3'], { input: 'hello' })
    expect(result).toEqual({ code: 3, stdout: 'hello', stderr: 'problem\n' })
  })

  it('passes arguments as they are', async () => {
    const { stdout } = await runner.run('printf', ['%s', '$HOME; `id`'])
    expect(stdout).toBe('$HOME; `id`')
  })

  it('hands over lines while the program runs', async () => {
    const lines: string[] = []
    await runner.run('printf', ['one\\ntwo\\nthree'], { onLine: (line) => lines.push(line) })
    expect(lines).toEqual(['one', 'two', 'three'])
  })

  it('says when there is no such program', async () => {
    const error = await runner.run('no-such-program-here', []).catch((reason: unknown) => reason)
    expect(isFailure(error, 'NotFound')).toBe(true)
  })

  it('ends the program when the signal aborts', async () => {
    const controller = new AbortController()
    const result = runner.run('sleep', ['60'], { signal: controller.signal })
    controller.abort('enough')
    await expect(result).rejects.toBe('enough')
  })

  it('ends a program that ignores requests when told to kill', async () => {
    const controller = new AbortController()
    const pid = Promise.withResolvers<number>()
    const result = runner.run('sh', ['-c', 'trap "" TERM; echo $$; exec sleep 60'], {
      signal: controller.signal,
      killSignal: 'SIGKILL',
      onLine: (line) => pid.resolve(Number(line)),
    })
    const started = await pid.promise
    controller.abort('enough')
    await expect(result).rejects.toBe('enough')
    await vi.waitFor(() => expect(() => process.kill(started, 0)).toThrow('ESRCH'), { timeout: 5000 })
  })
})

describe('runOrThrow', () => {
  it('throws what the program said', async () => {
    await expect(runOrThrow(runner, 'sh', ['-c', 'echo broken >&2; exit 1'])).rejects.toThrow(
      /ended with code 1: broken$/,
    )
  })
})
