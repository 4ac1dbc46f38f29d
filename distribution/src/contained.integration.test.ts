import { access, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCommandRunner } from '@trellis/foundation/command'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test, vi } from 'vitest'
import { runContained } from './contained.ts'

const runner = createCommandRunner()

test('gives back what the program wrote', async () => {
  expect(await runContained(runner, 'sh', ['-c', 'echo $PPID $$'], {})).toBe('0 1\n')
})

test('says how the program failed', async () => {
  await expect(runContained(runner, 'sh', ['-c', 'echo broken >&2; exit 3'], {})).rejects.toThrow('broken')
})

test('what it started and mounted goes when it is called off', async () => {
  await using directory = await createTemporaryDirectory()
  const mark = `contained-${process.pid}-${Math.trunc(performance.now())}`
  const target = join(directory.path, 'target')
  await mkdir(target)
  const stop = new AbortController()
  const begun = Promise.withResolvers<void>()
  const script = `
    trap '' TERM INT
    mount -t tmpfs ${mark} ${target}
    sh -c 'trap "" TERM; while :; do sleep 60; done' ${mark} &
    echo begun; wait`
  const running = runContained(runner, 'sh', ['-c', script], { signal: stop.signal, onLine: () => begun.resolve() })
  await begun.promise
  expect(await isRunning(mark)).toBe(true)
  stop.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
  await vi.waitFor(async () => expect(await isRunning(mark)).toBe(false), { timeout: 10_000 })
  expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(mark)
  await access(target)
})

async function isRunning(mark: string): Promise<boolean> {
  return (await runner.run('pgrep', ['--full', `^sh .*${mark}`])).code === 0
}
