import { describe, expect, it } from 'vitest'
import { configurationPath, readJsonFile } from './configuration-file.ts'

async function read(args: readonly string[]): Promise<unknown> {
  return readJsonFile(configurationPath(args, 'serve'))
}

describe('a configuration file', () => {
  it.each([
    ['Invalid', []],
    ['Invalid', ['--config', '/dev/null', 'more']],
    ['Invalid', ['--config', '/dev/null']],
    ['NotFound', ['--config', '/there/is/none']],
  ])('is refused as %s when the command line is %j', async (kind, args) => {
    await expect(read(args)).rejects.toMatchObject({ kind, field: '--config' })
  })

  it('is read when there is one, and the remedy names the whole command when not', async () => {
    const path = new URL('../package.json', import.meta.url).pathname
    expect(await read(['--config', path])).toMatchObject({ name: '@trellis/foundation' })
    expect(() => configurationPath([], 'serve')).toThrow(
      expect.objectContaining({ remedy: 'start it with serve --config FILE and nothing else' }),
    )
    await expect(readJsonFile('/there/is/none', '--report')).rejects.toMatchObject({ field: '--report' })
  })
})
