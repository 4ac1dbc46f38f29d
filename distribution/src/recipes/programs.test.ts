import { mkdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { createFakeRunner, type FakeProgram } from '../../testing/fake-runner.ts'
import type { ProgramsPin } from '../pins.ts'
import type { Source, Workshop } from '../store/part.ts'
import { type ProgramsContext, programsRecipe } from './programs.ts'

const version = { args: ['--version'], answer: 'v1.2.3' }
const release = {
  url: 'https://example.org/tool-{arch}',
  checksumUrl: 'https://example.org/tool-{arch}.sha256',
}
const pin: ProgramsPin = {
  version: 'v1.2.3',
  variables: ['example.org/tool/version.Version=v1.2.3'],
  programs: [{ name: 'tool', package: 'example.org/tool', version, release }],
}

async function setUp(options: {
  readonly sources?: readonly Source[]
  readonly programs?: Readonly<Record<string, FakeProgram>>
  readonly published?: string
}) {
  const root = await createTemporaryDirectory()
  for (const folder of ['modules/etcd', 'modules/kubernetes', 'content', 'scratch', 'assets']) {
    await mkdir(join(root.path, folder), { recursive: true })
  }
  await writeFile(join(root.path, 'modules/etcd/go.mod'), 'module tool\n')
  await writeFile(join(root.path, 'assets/tool'), 'of the host', { mode: 0o755 })
  const tool = join(root.path, 'content/bin/tool')
  const saysVersion: FakeProgram = () => ({ stdout: 'v1.2.3' })
  const setpriv: FakeProgram = async (args) => {
    await writeFile(args[args.indexOf('-o') + 1] ?? '', 'built')
    return {}
  }
  const runner = createFakeRunner({ [tool]: saysVersion, setpriv, ...options.programs })
  const { published } = options
  const context: ProgramsContext = {
    architecture: 'amd64',
    modulesDirectory: join(root.path, 'modules'),
    hostDirectories: [join(root.path, 'assets')],
    sources: options.sources ?? ['host', 'download', 'build'],
    downloader: {
      fetchText: async () => {
        if (published === undefined) throw new Failure('Unavailable', 'example.org cannot be reached')
        return `${'a'.repeat(64)}  tool-amd64\n`
      },
      fetchFile: (_url, _digest, path) => writeFile(path, published ?? ''),
    },
    goToolchain: async () => ({ program: '/go', version: 'go1.26.8' }),
  }
  const states: string[] = []
  const workshop: Workshop = {
    directory: join(root.path, 'content'),
    scratch: join(root.path, 'scratch'),
    runner,
    log: createSilentLog(),
    signal: undefined,
    part: () => {
      throw new Failure('NotFound', 'no parts here')
    },
    report: (state, detail) => states.push(`${state} ${detail}`),
  }
  return {
    root: root.path,
    runner,
    context,
    workshop,
    states,
    content: () => readFile(tool, 'utf8'),
    hostTool: join(root.path, 'assets/tool'),
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  }
}

test('a program of the host is taken when it says exactly the pinned version', async () => {
  const house = await setUp({})
  await using _ = house
  const runner = createFakeRunner({ [house.hostTool]: () => ({ stdout: 'tool v1.2.3' }) })
  const recipe = programsRecipe(house.context, 'etcd', pin)
  expect(await recipe.make({ ...house.workshop, runner })).toBe('host')
  expect(await house.content()).toBe('of the host')
})

test('the official release is next', async () => {
  await using house = await setUp({ published: 'downloaded' })
  expect(await programsRecipe(house.context, 'etcd', pin).make(house.workshop)).toBe('download')
  expect(await house.content()).toBe('downloaded')
  expect(house.states).toEqual(['downloading tool-amd64'])
})

test('a site that cannot be reached leaves building', async () => {
  await using house = await setUp({})
  expect(await programsRecipe(house.context, 'etcd', pin).make(house.workshop)).toBe('build')
  expect(await house.content()).toBe('built')
  expect(house.runner.calls.find((call) => call.includes('/go build'))).toContain(
    [
      '--kill-child=KILL --mount-proc nice /go build -v -buildvcs=false -trimpath',
      '-ldflags -s -w -X example.org/tool/version.Version=v1.2.3',
      `-o ${house.workshop.directory}/bin/tool example.org/tool`,
    ].join(' '),
  )
})

test('a program that says another version than the one it was built for is refused', async () => {
  await using house = await setUp({ sources: ['build'] })
  const other: ProgramsPin = {
    ...pin,
    programs: [{ name: 'tool', package: 'example.org/tool', version: { ...version, answer: 'v9' } }],
  }
  await expect(programsRecipe(house.context, 'etcd', other).make(house.workshop)).rejects.toMatchObject({
    kind: 'Conflict',
    message: 'tool does not say that its version is v9',
  })
})

test('a part whose allowed sources all fail says which were tried', async () => {
  await using house = await setUp({ sources: ['host', 'download'] })
  await expect(programsRecipe(house.context, 'etcd', pin).make(house.workshop)).rejects.toThrow(
    'etcd v1.2.3 can be had from none of: host, download',
  )
})

test('programs that share one file become links to it', async () => {
  await using house = await setUp({ sources: ['build'] })
  const linked: ProgramsPin = {
    version: 'v1',
    variables: [],
    programs: ['kubelet', 'kubectl'].map((name) => ({ name, package: '.', linkTo: 'kubernetes' })),
  }
  await programsRecipe(house.context, 'kubernetes', linked).make(house.workshop)
  const bin = join(house.workshop.directory, 'bin')
  expect(await readFile(join(bin, 'kubernetes'), 'utf8')).toBe('built')
  expect(await readlink(join(bin, 'kubelet'))).toBe('kubernetes')
  expect(await readlink(join(bin, 'kubectl'))).toBe('kubernetes')
})

test('a changed module is another input', async () => {
  await using house = await setUp({})
  const recipe = programsRecipe(house.context, 'etcd', pin)
  const none = () => house.workshop.part('')
  const before = await recipe.inputs(none)
  await writeFile(join(house.root, 'modules/etcd/go.mod'), 'module tool\n\ngo 1.26\n')
  expect(await recipe.inputs(none)).not.toEqual(before)
})

test('what changes an upstream module is an input of the part that is changed, and of no other', async () => {
  await using house = await setUp({})
  const none = () => house.workshop.part('')
  const inputs = async () =>
    Promise.all(
      [pin, { ...pin, adapted: true }].map((each) => programsRecipe(house.context, 'etcd', each).inputs(none)),
    )
  await mkdir(join(house.root, 'modules/etcd/adapted/pool'), { recursive: true })
  const [plain, adapted] = await inputs()
  await writeFile(join(house.root, 'modules/etcd/adapted/pool/ours.go'), 'package pool\n')
  const [plainAfter, adaptedAfter] = await inputs()
  expect(plainAfter).toEqual(plain)
  expect(adaptedAfter).not.toEqual(adapted)
})
