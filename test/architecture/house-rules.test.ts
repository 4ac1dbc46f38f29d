import { describe, expect, it } from 'vitest'
import { isTest, readSources } from './sources.ts'

const sources = readSources()
const product = sources.filter((source) => !isTest(source.path))

/** Files in which a pattern occurs, with the line. */
function occurrences(files: typeof sources, pattern: RegExp): readonly string[] {
  return files.flatMap((source) =>
    source.text
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${source.path}:${index + 1}: ${line.trim()}`] : [])),
  )
}

describe('house rules', () => {
  it.each([
    ['the present instant', /\bDate\.now\(|\bnew Date\(\)/],
    ['chance', /\bMath\.random\(|\brandomUUID\(/],
  ])('takes %s from a port', (_what, pattern) => {
    expect(
      occurrences(
        product.filter((source) => !source.path.startsWith('foundation/')),
        pattern,
      ),
    ).toEqual([])
  })

  it('throws failures of a closed set', () => {
    expect(occurrences(product, /\bthrow new Error\(/)).toEqual([])
  })

  it('mocks no modules', () => {
    const forbidden = new RegExp(`\\bvi\\.${'mock'}\\(`)
    expect(occurrences(sources, forbidden)).toEqual([])
  })

  it('skips no test', () => {
    const forbidden = new RegExp(`\\b(it|test|describe)\\.(${['skip', 'todo', 'only'].join('|')})\\b`)
    expect(occurrences(sources, forbidden)).toEqual([])
  })

  it('keeps files short', () => {
    const long = sources.filter((source) => source.text.split('\n').length > 500).map((source) => source.path)
    expect(long).toEqual([])
  })

  it('ends the process only where it was started', () => {
    const offences = occurrences(
      product.filter((source) => !/(^|\/)main\.ts$/.test(source.path) && source.path !== 'foundation/src/lifetime.ts'),
      /\bprocess\.exit\(/,
    )
    expect(offences).toEqual([])
  })
})
