import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { drawFlows } from './draw-flows.ts'

it('the README shows the graphs as they are', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  for (const graph of drawFlows()) expect(readme).toContain(graph)
})
