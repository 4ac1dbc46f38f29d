import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { apiRoutes } from './api-routes.ts'
import { openApiDocument } from './openapi.ts'

const committed = readFileSync(join(import.meta.dirname, '../openapi.json'), 'utf8')

describe('the OpenAPI document', () => {
  it('is the committed one', () => {
    const regenerate = 'regenerate it: node localcloud/src/main.ts openapi > localcloud/openapi.json'
    expect(JSON.parse(committed), regenerate).toEqual(JSON.parse(JSON.stringify(openApiDocument())))
  })

  it('describes every route once, under a name of its own', () => {
    const names = apiRoutes.map((route) => route.operation)
    expect(new Set(names).size).toBe(names.length)
    const document = JSON.parse(committed) as { paths: Record<string, Record<string, { operationId: string }>> }
    const described = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((it) => it.operationId),
    )
    expect(described.sort()).toEqual([...names].sort())
  })

  it('says of every request body that unknown fields are refused', () => {
    for (const route of apiRoutes) {
      if (route.body !== undefined) expect(route.body, route.operation).toHaveProperty('additionalProperties', false)
    }
  })
})
