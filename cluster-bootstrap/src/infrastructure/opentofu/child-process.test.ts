import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { type ChildOptions, runChild } from './child-process.ts'

interface Script {
  readonly script: string
  readonly options?: Partial<ChildOptions>
  /** Sees each line and may stop the program. */
  readonly onLine?: (line: string, stop: AbortController) => void
}

async function run({ script, options, onLine }: Script) {
  const stop = new AbortController()
  const lines: string[] = []
  const end = await runChild({
    clock: createSystemClock(),
    program: '/bin/sh',
    args: ['-c', script],
    directory: '/',
    environment: { PATH: '/usr/bin:/bin' },
    signal: stop.signal,
    graceMilliseconds: 60_000,
    onLine: (line) => {
      lines.push(line)
      onLine?.(line, stop)
    },
    ...options,
  })
  return { ...end, lines }
}

async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return status !== undefined && !/\) [ZX] /.test(status)
}

describe('a child process', () => {
  it('tells its lines, its code and the end of its complaints', async () => {
    expect(await run({ script: 'echo one; echo two; printf three; echo no >&2; exit 3' })).toEqual({
      code: 3,
      errors: 'no\n',
      lines: ['one', 'two', 'three'],
    })
  })

  it('gets the environment that it is given and nothing of ours', async () => {
    const options = { environment: { PATH: '/usr/bin:/bin', ONLY: 'this' } }
    const { lines } = await run({ script: 'env', options })
    expect(lines.filter((line) => !/^(PWD|_|SHLVL|OLDPWD)=/.test(line)).sort()).toEqual([
      'ONLY=this',
      'PATH=/usr/bin:/bin',
    ])
  })

  it('may finish what it is at when it is called off', async () => {
    const script = 'trap "echo finished; exit 7" INT; echo ready; while :; do sleep 0.01; done'
    const { code, lines } = await run({ script, onLine: (line, stop) => line === 'ready' && stop.abort() })
    expect(lines).toEqual(['ready', 'finished'])
    expect(code).toBe(7)
  })

  it('is killed with its children when it does not end in time', async () => {
    const script = 'trap "" INT; sleep 1000 & echo $!; wait'
    const { code, lines } = await run({
      script,
      options: { graceMilliseconds: 10 },
      onLine: (_line, stop) => stop.abort(),
    })
    expect(code).toBeUndefined()
    await expect.poll(() => isAlive(Number(lines[0]))).toBe(false)
  })

  it('leaves no child behind that holds its output open', async () => {
    const { code, lines } = await run({ script: 'sleep 1000 & echo $!; exit 0' })
    expect(code).toBe(0)
    await expect.poll(() => isAlive(Number(lines[0]))).toBe(false)
  })

  it('is asked to end at once when it was called off before it began', async () => {
    const { code } = await run({ script: 'exec sleep 1000', options: { signal: AbortSignal.abort() } })
    expect(code).toBeUndefined()
  })

  it('says that there is no such program', async () => {
    await using root = await createTemporaryDirectory()
    const program = join(root.path, 'tofu')
    await expect(run({ script: '', options: { program } })).rejects.toMatchObject({ kind: 'NotFound' })
  })
})
