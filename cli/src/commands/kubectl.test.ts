import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Installation, paths, readInstallation } from '../installation.ts'
import { readText, writeWhole } from '../store.ts'
import { kubeconfigPath, pluginPath, programsDirectory, runInForeground, splitTarget } from './kubectl.ts'

it('puts our plugins and kubectl itself before everything else on the search path', () => {
  expect(pluginPath('/programs', '/usr/bin')).toMatch(/^\/.*\/kubectl-trellis\/bin:\/programs:\/usr\/bin$/)
  expect(pluginPath('/programs', undefined)).toMatch(/bin:\/programs$/)
})

describe('runInForeground', () => {
  const { env } = process
  const { signal } = new AbortController()

  it('resolves with the exit code', async () => {
    expect(await runInForeground('sh', ['-c', 'exit 7'], { env, signal })).toBe(7)
  })

  it('ends the program when it is asked to stop, so that nothing is left running', async () => {
    const controller = new AbortController()
    const running = runInForeground('sleep', ['3600'], { env, signal: controller.signal })
    controller.abort()
    expect(await running).toBe(128 + 15)
  })

  it('says that a program cannot be started', async () => {
    await expect(runInForeground('/no/such', [], { env, signal })).rejects.toThrow('/no/such cannot be started')
  })
})

describe('splitTarget', () => {
  it.each([
    [['get', 'nodes'], { kind: 'shoot', name: 'first' }, ['get', 'nodes']],
    [['--garden', 'get', 'shoots'], { kind: 'garden' }, ['get', 'shoots']],
    [['--seed', 'get', 'pods', '-A'], { kind: 'seed' }, ['get', 'pods', '-A']],
    [['--shoot', 'second', 'get', 'pods'], { kind: 'shoot', name: 'second' }, ['get', 'pods']],
    [['logs', '--seed'], { kind: 'shoot', name: 'first' }, ['logs', '--seed']],
    [[], { kind: 'shoot', name: 'first' }, []],
  ])('takes the target off the front of %j', (args, target, rest) => {
    expect(splitTarget(args)).toEqual({ target, rest })
  })

  it('wants a name after --shoot', () => {
    expect(() => splitTarget(['--shoot'])).toThrow('names no shoot')
  })
})

describe('kubeconfigPath', () => {
  let directory: string
  let installation: Installation
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'trellis-cli-'))
    installation = readInstallation({ TRELLIS_STATE: directory }, '/repository')
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  const nobody = async (): Promise<undefined> => undefined

  it('says what to do before the first up', async () => {
    const error = await kubeconfigPath(installation, { kind: 'garden' }, nobody).catch((reason: unknown) => reason)
    expect(isFailure(error, 'NotFound') && error.remedy).toContain('trellis up')
    await expect(programsDirectory(installation)).rejects.toThrow('the parts are not there yet')
  })

  it('gives garden and seed the same file', async () => {
    await writeWhole(paths(installation).gardenKubeconfig, '{}')
    const path = await kubeconfigPath(installation, { kind: 'garden' }, nobody)
    expect(await kubeconfigPath(installation, { kind: 'seed' }, nobody)).toBe(path)
  })

  it('asks the garden for the kubeconfig of a shoot, and makes do with the last while it does not answer', async () => {
    const second = { kind: 'shoot' as const, name: 'second' }
    const down = async (): Promise<never> => {
      throw new Failure('Unavailable', 'no answer')
    }
    await expect(kubeconfigPath(installation, second, nobody)).rejects.toThrow('a shoot second')
    await expect(kubeconfigPath(installation, second, down)).rejects.toThrow('no answer')
    const path = await kubeconfigPath(installation, second, async (name) => `kubeconfig of ${name}`)
    expect(await readText(path)).toBe('kubeconfig of second')
    expect(await kubeconfigPath(installation, second, down)).toBe(path)
    await kubeconfigPath(installation, second, async () => 'of the shoot made anew')
    expect(await readText(path)).toBe('of the shoot made anew')
  })
})
