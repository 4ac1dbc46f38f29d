import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { upstreamImages } from '@trellis/distribution/pins'
import { describe, expect, it } from 'vitest'
import { repository } from './sources.ts'

const read = (path: string): string => readFileSync(join(repository, path), 'utf8')
const all = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map((match) => match[1] ?? '')
const commands = all(read('cli/src/main.ts'), /\.command\('([a-z]+)'\)/g)

describe.each(['README.md', 'docs/guide.md', 'test/README.md'])('%s', (path) => {
  const text = read(path)

  it('names commands that there are', () => {
    const named = all(text, /\.\/trellis ([a-z]+)/g)
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((command) => !commands.includes(command))).toEqual([])
  })

  it('names images that machines bring along', () => {
    const known: readonly string[] = Object.values(upstreamImages)
    expect(all(text, /(registry\.k8s\.io\/[\w./:-]+)/g).filter((image) => !known.includes(image))).toEqual([])
  })
})
