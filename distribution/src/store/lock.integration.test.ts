import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createCommandRunner } from '@trellis/foundation/command'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { takeLock } from './lock.ts'

const runner = createCommandRunner()

test('the second one waits until the first lets go', async () => {
  await using directory = await createTemporaryDirectory()
  const path = join(directory.path, 'deep/lock')
  const order: string[] = []
  const first = await takeLock(runner, path)
  const second = takeLock(runner, path).then((lock) => {
    order.push('second took')
    return lock
  })
  // Whoever asks without waiting is told no, so the lock is really held.
  expect((await runner.run('flock', ['--nonblock', path, 'true'])).code).toBe(1)
  order.push('first lets go')
  await first.release()
  await (await second).release()
  expect(order).toEqual(['first lets go', 'second took'])
  expect((await runner.run('flock', ['--wait', '5', path, 'true'])).code).toBe(0)
})

test('a holder that is killed lets go', async () => {
  await using directory = await createTemporaryDirectory()
  const path = join(directory.path, 'lock')
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { createCommandRunner } from '@trellis/foundation/command'
       import { takeLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))}
       await takeLock(createCommandRunner(), ${JSON.stringify(path)})
       process.stdout.write('held')`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: import.meta.dirname },
  )
  await once(holder.stdout, 'data')
  expect((await runner.run('flock', ['--nonblock', path, 'true'])).code).toBe(1)
  holder.kill('SIGKILL')
  const lock = await takeLock(runner, path)
  await lock.release()
})

test('waiting ends when it is called off', async () => {
  await using directory = await createTemporaryDirectory()
  const path = join(directory.path, 'lock')
  const lock = await takeLock(runner, path)
  const giveUp = new AbortController()
  const waiting = takeLock(runner, path, giveUp.signal)
  giveUp.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await lock.release()
})
