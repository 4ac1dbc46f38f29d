import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { customResourceDefinition } from './custom-resource-definition.ts'
import { generatedFiles, manifestDirectory } from './files.ts'
import { definitions } from './kinds.ts'
import { yamlText } from './yaml.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

describe('generated files', () => {
  it.each(generatedFiles().map(({ path, text }) => [path, text]))('%s is as the schemas say', async (path, text) => {
    const found = await readFile(`${repository}${path}`, 'utf8')
    expect(found === text, `${path} is stale: run npm run generate -w @trellis/api`).toBe(true)
  })

  it('has no manifest of a kind that is gone', async () => {
    const wanted = generatedFiles().map(({ path }) => path)
    const found = await readdir(`${repository}${manifestDirectory}`)
    expect(found.map((name) => `${manifestDirectory}/${name}`).filter((path) => !wanted.includes(path))).toEqual([])
  })
})

describe('schemas of definitions', () => {
  it.each(definitions.map((definition) => [definition.resource.kind, definition]))(
    '%s is structural',
    (_, definition) => {
      const [version] = customResourceDefinition(definition).spec.versions
      expect(problems(version?.schema?.openAPIV3Schema ?? {}, '')).toEqual([])
    },
  )

  it.each(definitions.map((definition) => [definition.resource.kind, definition]))(
    '%s describes every field',
    (_, definition) => {
      const [version] = customResourceDefinition(definition).spec.versions
      expect(undescribed(version?.schema?.openAPIV3Schema ?? {}, '')).toEqual([])
    },
  )
})

describe('yamlText', () => {
  it('quotes what YAML would read otherwise', () => {
    expect(
      yamlText({ a: 'yes', b: '1', c: 'plain words', d: 'a: b', e: '', f: [], g: {}, h: ['x', { y: null }] }),
    ).toBe('a: "yes"\nb: "1"\nc: plain words\nd: "a: b"\ne: ""\nf: []\ng: {}\nh:\n  - x\n  - "y": null\n')
  })
})

type Node = Record<string, unknown>

/** What an API server would refuse: a place without type, keywords that exclude each other. */
function problems(schema: Node, path: string): string[] {
  const own: string[] = []
  if (schema.type === undefined && !schema['x-kubernetes-int-or-string']) own.push(`${path} has no type`)
  if (schema.properties !== undefined && schema.additionalProperties !== undefined)
    own.push(`${path} is map and object`)
  if (schema.type === 'array' && schema.items === undefined) own.push(`${path} has no items`)
  return [...own, ...children(schema).flatMap(([name, child]) => problems(child, `${path}.${name}`))]
}

function undescribed(schema: Node, path: string): string[] {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Node>)
  const own = properties
    .filter(([name, child]) => name !== 'metadata' && child.description === undefined)
    .map(([name]) => `${path}.${name}`)
  return [...own, ...children(schema).flatMap(([name, child]) => undescribed(child, `${path}.${name}`))]
}

function children(schema: Node): [string, Node][] {
  const inner = ['items', 'additionalProperties'].filter((key) => typeof schema[key] === 'object')
  return [
    ...Object.entries((schema.properties ?? {}) as Record<string, Node>),
    ...inner.map((key): [string, Node] => [key, schema[key] as Node]),
  ]
}
