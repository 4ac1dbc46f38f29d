import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { createWorkspace, importBlocks } from './workspace.ts'

async function begin() {
  const root = await createTemporaryDirectory()
  const moduleDirectory = join(root.path, 'module')
  const parentDirectory = join(root.path, 'memory')
  for (const folder of [moduleDirectory, parentDirectory]) await mkdir(folder)
  await writeFile(join(moduleDirectory, 'main.tf'), '# module')
  await writeFile(join(moduleDirectory, 'notes.md'), 'not wanted')
  const options = {
    parentDirectory,
    moduleDirectory,
    providersDirectory: '/providers',
    variables: { name: 'first' },
    state: undefined,
    imports: {},
  }
  return { options, parentDirectory, [Symbol.asyncDispose]: () => root[Symbol.asyncDispose]() }
}

describe('a workspace', () => {
  it('has the module, its variables and nothing else of this machine', async () => {
    await using house = await begin()
    await using workspace = await createWorkspace(house.options)
    expect((await readdir(workspace.directory)).sort()).toEqual([
      'imports.tf',
      'main.tf',
      'settings.tofurc',
      'terraform.tfvars.json',
    ])
    expect(await readFile(join(workspace.directory, 'terraform.tfvars.json'), 'utf8')).toBe('{"name":"first"}')
    expect(workspace.environment).toEqual({
      HOME: workspace.directory,
      TMPDIR: workspace.directory,
      TF_CLI_CONFIG_FILE: join(workspace.directory, 'settings.tofurc'),
      TF_IN_AUTOMATION: '1',
      TF_INPUT: '0',
    })
  })

  it('installs providers from the mirror alone', async () => {
    await using house = await begin()
    await using workspace = await createWorkspace(house.options)
    const settings = await readFile(join(workspace.directory, 'settings.tofurc'), 'utf8')
    expect(settings).toBe('provider_installation {\n  filesystem_mirror {\n    path = "/providers"\n  }\n}\n')
  })

  it('begins with the state that it is given', async () => {
    await using house = await begin()
    await using empty = await createWorkspace(house.options)
    expect(await empty.readState()).toBeUndefined()
    await using workspace = await createWorkspace({ ...house.options, state: '{"version":4}' })
    expect(await workspace.readState()).toBe('{"version":4}')
    expect(workspace.statePath).toBe(join(workspace.directory, 'terraform.tfstate'))
  })

  it('is this user’s alone, and gone in the end', async () => {
    await using house = await begin()
    {
      await using workspace = await createWorkspace({ ...house.options, state: '{}' })
      expect((await stat(workspace.directory)).mode & 0o777).toBe(0o700)
      expect((await stat(workspace.statePath)).mode & 0o777).toBe(0o600)
    }
    expect(await readdir(house.parentDirectory)).toEqual([])
  })

  it('leaves nothing when it cannot be laid out', async () => {
    await using house = await begin()
    await expect(createWorkspace({ ...house.options, moduleDirectory: '/nowhere' })).rejects.toThrow()
    expect(await readdir(house.parentDirectory)).toEqual([])
  })
})

describe('blocks that take over', () => {
  it('name the address and the identifier', () => {
    expect(importBlocks({ 'a.b[0]': '7', 'a.c["z/x"]': '8' })).toBe(
      'import {\n  to = a.b[0]\n  id = "7"\n}\n\nimport {\n  to = a.c["z/x"]\n  id = "8"\n}\n',
    )
    expect(importBlocks({})).toBe('')
  })

  it('take an identifier as it is, whatever is in it', () => {
    const dollar = '$'
    expect(importBlocks({ 'a.b': `x"${dollar}{var.y}%{if}\n` })).toContain(
      `id = "x\\"${dollar}${dollar}{var.y}%%{if}\\n"`,
    )
  })
})
