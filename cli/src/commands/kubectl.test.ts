import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFailure } from '@trellis/foundation/failure'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Installation, paths, readInstallation } from '../installation.ts'
import { writeWhole } from '../store.ts'
import { kubeconfigPath, programsDirectory, splitTarget } from './kubectl.ts'

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

  it('says what to do before the first up', async () => {
    const error = await kubeconfigPath(installation, { kind: 'garden' }).catch((reason: unknown) => reason)
    expect(isFailure(error, 'NotFound') && error.remedy).toContain('trellis up')
    await expect(programsDirectory(installation)).rejects.toThrow('the parts are not there yet')
  })

  it('gives garden and seed the same file', async () => {
    await writeWhole(paths(installation).gardenKubeconfig, '{}')
    const path = await kubeconfigPath(installation, { kind: 'garden' })
    expect(await kubeconfigPath(installation, { kind: 'seed' })).toBe(path)
    await expect(kubeconfigPath(installation, { kind: 'shoot', name: 'second' })).rejects.toThrow('the shoot second')
  })
})
