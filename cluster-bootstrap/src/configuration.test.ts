import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseConfiguration, readConfiguration } from './configuration.ts'

const sound = {
  namespace: 'trellis-system',
  seedName: 'local',
  cloud: { credentials: '/etc/cloud-credentials' },
  images: { etcd: 'registry.k8s.io/etcd:3.7.3-0' },
  helm: '/usr/local/bin/helm',
  chartsDirectory: '/charts',
}

describe('the configuration', () => {
  it('needs little', () => {
    expect(parseConfiguration(sound)).toEqual(sound)
  })

  it.each([
    { name: 'an unknown key', input: { ...sound, colour: 'red' }, field: 'colour' },
    {
      name: 'an unknown key inside',
      input: { ...sound, cloud: { credentials: '/x', region: 'y' } },
      field: 'cloud.region',
    },
    { name: 'no seed', input: { ...sound, seedName: undefined }, field: 'seedName' },
    { name: 'an empty image', input: { ...sound, images: { etcd: '' } }, field: 'images.etcd' },
    { name: 'no workers', input: { ...sound, concurrency: 0 }, field: 'concurrency' },
    { name: 'an unknown feature', input: { ...sound, features: { magic: true } }, field: 'features.magic' },
  ])('refuses $name and names it', ({ input, field }) => {
    expect(() => parseConfiguration(input)).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })
})

describe('the engine of infrastructure', () => {
  const parts = { program: '/tofu', providersDirectory: '/providers', modulesDirectory: '/modules' }

  it('may be OpenTofu, with all its parts', () => {
    const infrastructure = { engine: 'opentofu', ...parts }
    expect(parseConfiguration({ ...sound, infrastructure })).toMatchObject({ infrastructure })
  })

  it('may be that on the SDKs, with OpenTofu beside it for shoots that it began', () => {
    const infrastructure = { engine: 'sdk', ...parts }
    expect(parseConfiguration({ ...sound, infrastructure })).toMatchObject({ infrastructure })
  })

  it.each([
    [{ engine: 'terraform', ...parts }, 'infrastructure.engine'],
    [{ engine: 'opentofu', ...parts, colour: 'red' }, 'infrastructure.colour'],
    [{ engine: 'opentofu', ...parts, program: '' }, 'infrastructure.program'],
  ])('is not %j', (infrastructure, field) => {
    expect(() => parseConfiguration({ ...sound, infrastructure })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field }),
    )
  })
})

describe('the command line', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cluster-bootstrap-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('names the file', async () => {
    const path = join(directory, 'config.json')
    await writeFile(path, JSON.stringify(sound))
    expect(await readConfiguration(['--config', path])).toEqual(sound)
    await writeFile(path, 'no JSON')
    await expect(readConfiguration(['--config', path])).rejects.toMatchObject({ kind: 'Invalid', field: '--config' })
    await expect(readConfiguration(['--config', join(directory, 'none')])).rejects.toMatchObject({ kind: 'NotFound' })
  })

  it.each([[[]], [['--config']], [['--seed', 'x']], [['--config', 'x', 'y']]])(
    'refuses %j with the way to do it',
    async (args) => {
      await expect(readConfiguration(args)).rejects.toMatchObject({
        kind: 'Invalid',
        remedy: 'start it with --config FILE and nothing else',
      })
    },
  )
})
