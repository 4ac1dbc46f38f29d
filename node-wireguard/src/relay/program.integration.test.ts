import { fileURLToPath } from 'node:url'
import { createCommandRunner } from '@trellis/foundation/command'
import { expect, it } from 'vitest'
import { goTool } from '../../testing/programs.ts'

/** The relay program is in Go, and so are the tests of its parts: they run here, so that nobody forgets them. */
it('the program passes its own tests', async () => {
  const directory = fileURLToPath(new URL('../../relay-program', import.meta.url))
  const { code, stdout, stderr } = await createCommandRunner().run(goTool(), ['test', '-C', directory, './...'])
  expect(code, `${stdout}\n${stderr}`).toBe(0)
}, 300_000)
