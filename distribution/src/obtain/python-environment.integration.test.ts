import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { ensurePythonEnvironment } from './python-environment.ts'

test('two who ask at once get one environment, with the pinned package in it', async () => {
  await using directory = await createTemporaryDirectory()
  const runner = createCommandRunner()
  const lockFile = join(directory.path, 'demo.lock.txt')
  await writeFile(lockFile, 'six==1.17.0\n')
  const said: string[] = []
  const ports = {
    clock: createSystemClock(),
    runner,
    cacheDirectory: join(directory.path, 'cache'),
    onProgress: (line: string) => void said.push(line),
  }
  const ensure = () => ensurePythonEnvironment(ports, { name: 'demo', lockFile })
  const [first, second] = await Promise.all([ensure(), ensure()])
  expect(second).toEqual(first)
  expect(said).toHaveLength(1)
  expect(await runOrThrow(runner, first.python, ['-c', 'import six; print(six.__version__)'])).toBe('1.17.0\n')
})
