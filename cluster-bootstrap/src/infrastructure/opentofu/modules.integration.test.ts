import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createCommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { createWorkspace } from './workspace.ts'

const modulesDirectory = join(import.meta.dirname, 'modules')
const runner = createCommandRunner()

function told(name: string): string {
  const value = process.env[name]
  if (value !== undefined) return value
  throw new Failure('NotFound', `${name} is not set`, { remedy: 'run ./trellis test integration' })
}

describe('the modules', () => {
  it.each(readdirSync(modulesDirectory))('are formatted: %s', async (name) => {
    const args = ['fmt', '-check', '-diff', join(modulesDirectory, name)]
    // Whatever this user has set up for OpenTofu is of no importance here.
    const environment = { TF_CLI_CONFIG_FILE: undefined }
    const result = await runner.run(told('TRELLIS_OPENTOFU'), args, { environment })
    expect(result).toMatchObject({ code: 0, stdout: '' })
  })

  it('are what the provider understands: openstack', async () => {
    await using memory = await createTemporaryDirectory()
    await using workspace = await createWorkspace({
      parentDirectory: memory.path,
      moduleDirectory: join(modulesDirectory, 'openstack'),
      providersDirectory: told('TRELLIS_OPENTOFU_PROVIDERS'),
      variables: {},
      state: undefined,
      imports: {},
    })
    const { directory, environment } = workspace
    const run = (...args: readonly string[]) => runner.run(told('TRELLIS_OPENTOFU'), args, { directory, environment })
    expect(await run('init', '-input=false', '-no-color')).toMatchObject({ code: 0 })
    expect(await run('validate', '-no-color')).toMatchObject({ code: 0, stdout: expect.stringContaining('valid') })
  })
})
