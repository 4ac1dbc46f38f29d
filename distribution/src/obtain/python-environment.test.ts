import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { createFakeRunner, type FakeProgram } from '../../testing/fake-runner.ts'
import { ensurePythonEnvironment } from './python-environment.ts'

/** A host whose Python makes empty environments; the interpreter in them is known only by its path. */
async function setUp(programs: Record<string, FakeProgram> = {}) {
  const directory = await createTemporaryDirectory()
  const lockFile = join(directory.path, 'demo.lock.txt')
  const cacheDirectory = join(directory.path, 'cache')
  let made = 0
  const host = createFakeRunner({
    sh: () => ({}),
    python3: ([first]) => {
      if (first === '-m') made++
      return { stdout: '/usr/bin/python3 3.11\n' }
    },
    ...programs,
  })
  const pip: string[] = []
  const runner: typeof host = {
    calls: host.calls,
    run: async (program, args, options) => {
      if (!program.endsWith('/bin/python3')) return host.run(program, args, options)
      pip.push(args.join(' '))
      return { code: 0, stdout: '', stderr: '', ...(await programs.pip?.(args, options ?? {})) }
    },
  }
  const ensure = async (text: string) => {
    await writeFile(lockFile, text)
    return ensurePythonEnvironment({ clock: createSystemClock(), runner, cacheDirectory }, { name: 'demo', lockFile })
  }
  return {
    ensure,
    pip,
    runner,
    cacheDirectory,
    made: () => made,
    [Symbol.asyncDispose]: directory[Symbol.asyncDispose],
  }
}

test('an environment is made once for each content of the lock file', async () => {
  await using host = await setUp()
  const first = await host.ensure('six==1.17.0\n')
  expect(first.python).toBe(join(first.directory, 'bin/python3'))
  expect(await host.ensure('six==1.17.0\n')).toEqual(first)
  expect(host.made()).toBe(1)
  const second = await host.ensure('six==1.16.0\n')
  expect(second.directory).not.toBe(first.directory)
  expect(host.made()).toBe(2)
  expect(host.pip[0]).toMatch(/^-m pip install --quiet --no-deps --requirement .*demo\.lock\.txt$/)
})

test('an environment that was cut short is made anew', async () => {
  await using host = await setUp()
  const { directory } = await host.ensure('six==1.17.0\n')
  await rm(join(directory, 'complete'))
  await writeFile(join(directory, 'rest'), '')
  await host.ensure('six==1.17.0\n')
  expect(host.made()).toBe(2)
  expect(await readdir(directory)).toEqual(['complete'])
})

test('only those used last are kept, and none that was cut short', async () => {
  await using host = await setUp()
  await mkdir(join(host.cacheDirectory, 'python-demo', 'a'.repeat(64)), { recursive: true })
  for (const version of ['1', '2', '3', '4']) await host.ensure(`six==${version}\n`)
  const entries = await readdir(join(host.cacheDirectory, 'python-demo'))
  expect(entries.filter((name) => name.length === 64)).toHaveLength(3)
  expect(entries).not.toContain('a'.repeat(64))
})

test.each(['six', 'six>=1.0', '-r other.txt', 'six @ https://example.org/six.whl', 'git+https://example.org/six'])(
  'a line that pins no version is refused: %s',
  async (line) => {
    await using host = await setUp()
    await expect(host.ensure(`# pinned\nwheel==0.45.1\n\n${line}\n`)).rejects.toMatchObject({ kind: 'Invalid' })
  },
)

test('what the lock file leaves out is named', async () => {
  const pip: FakeProgram = (args) =>
    args.includes('check') ? { code: 1, stdout: 'flask 3.1 requires werkzeug, which is not installed.\n' } : {}
  await using host = await setUp({ pip })
  await expect(host.ensure('flask==3.1.0\n')).rejects.toMatchObject({
    kind: 'Invalid',
    message: expect.stringContaining('requires werkzeug'),
  })
})

test("Debian's Python is installed where there is none that can make environments", async () => {
  await using host = await setUp({ sh: () => ({ code: 1 }), 'apt-get': () => ({}) })
  await host.ensure('six==1.17.0\n')
  expect(host.runner.calls.find((call) => call.startsWith('apt-get'))).toMatch(/install python3 python3-venv$/)
})
