import { globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The repository's root directory. */
export const repository = join(import.meta.dirname, '../..')

/** One TypeScript file: path relative to the root, text, and the specifiers it imports. */
export interface Source {
  readonly path: string
  readonly text: string
  readonly imports: readonly string[]
}

/** Every TypeScript file of ours. */
export function readSources(): readonly Source[] {
  return globSync('**/*.ts', {
    cwd: repository,
    exclude: (name) => name === 'node_modules' || name === 'generated',
  }).map((path) => {
    const text = readFileSync(join(repository, path), 'utf8')
    return { path: relative(repository, join(repository, path)), text, imports: importsOf(text) }
  })
}

/** Whether a file is a test or belongs to tests: those may reach sideways, but never upwards at run time. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/testing/') || path.startsWith('test/')
}

function importsOf(text: string): readonly string[] {
  const patterns = [/\bfrom\s+'([^']+)'/g, /\bimport\(\s*'([^']+)'/g, /^import\s+'([^']+)'/gm]
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].flatMap((match) => (match[1] ? [match[1]] : [])))
}
