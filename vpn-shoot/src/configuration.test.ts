import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { configurationParser } from './configuration.ts'

describe('the configuration of vpn-shoot', () => {
  it('is what the README shows', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
    const example = JSON.parse(/```json\n(.*?)```/s.exec(readme)?.[1] ?? '')
    expect(configurationParser.parse(example)).toBe(example)
  })
})
