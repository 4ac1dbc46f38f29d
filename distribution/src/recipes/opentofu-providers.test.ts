import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSilentLog } from '@trellis/foundation/log'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import { openTofuProviders, programPins } from '../pins.ts'
import type { Workshop } from '../store/part.ts'
import { openTofuProvidersRecipe } from './opentofu-providers.ts'

test('a provider lies where a filesystem mirror has it, as the same file', async () => {
  await using root = await createTemporaryDirectory()
  const [built, mirror] = [join(root.path, 'built'), join(root.path, 'mirror')]
  await mkdir(join(built, 'bin'), { recursive: true })
  await mkdir(mirror)
  const program = join(built, 'bin/terraform-provider-openstack')
  await writeFile(program, 'the plugin', { mode: 0o755 })
  const entry = { part: '', key: '', digest: '', source: 'build' as const, fresh: true, directory: built }
  const workshop: Workshop = {
    directory: mirror,
    scratch: root.path,
    runner: createFakeRunner({}),
    log: createSilentLog(),
    signal: undefined,
    part: () => entry,
    report: () => {},
  }
  const recipe = openTofuProvidersRecipe('arm64')
  expect(recipe.needs).toEqual(['terraform-provider-openstack'])
  await recipe.make(workshop)
  const version = programPins['terraform-provider-openstack'].version.slice(1)
  const place = join(
    'registry.opentofu.org/terraform-provider-openstack/openstack',
    `${version}/linux_arm64/terraform-provider-openstack_v${version}`,
  )
  expect(await readFile(join(mirror, place), 'utf8')).toBe('the plugin')
  expect((await stat(join(mirror, place))).ino).toBe((await stat(program)).ino)
})

test('every provider is a part that is pinned', () => {
  for (const part of Object.keys(openTofuProviders)) expect(Object.keys(programPins)).toContain(part)
})
