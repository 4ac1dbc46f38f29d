import { type ApiRoute, apiRoutes, parameterSchemas } from './api-routes.ts'
import { errorSchema } from './schemas.ts'

const queryDescriptions: Readonly<Record<string, { readonly description: string; readonly schema: object }>> = {
  tag: {
    description: '`key=value`; may be repeated, all must fit',
    schema: { type: 'array', items: { type: 'string' } },
  },
  name: { description: 'exact name', schema: { type: 'string' } },
  network: { description: 'id or name of the network', schema: { type: 'string' } },
  lines: {
    description: 'most lines to return',
    schema: { type: 'integer', minimum: 1, maximum: 10_000, default: 200 },
  },
}

/** The OpenAPI 3.1 document of the whole API, made from the same table that serves it. */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of apiRoutes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Trellis local cloud',
      version: 'v1',
      description: 'Servers, networks, routes and load balancers on one Linux host.',
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'over HTTPS only; the Unix socket asks for none' },
      },
      schemas: { Error: errorSchema },
    },
  }
}

function operationOf(route: ApiRoute): object {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: parameterSchemas[name],
  }))
  const inQuery = (route.query ?? []).map((name) => ({ name, in: 'query', ...queryDescriptions[name] }))
  return {
    operationId: route.operation,
    summary: route.summary,
    parameters: [...inPath, ...inQuery],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: route.body } } } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, schema]) => [status, answerOf(status, schema)]),
      ),
      default: {
        description: 'what went wrong, and what to do about it',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  }
}

const descriptions: Readonly<Record<string, string>> = {
  200: 'done',
  201: 'made',
  202: 'goes on in the background',
  204: 'gone',
}

function answerOf(status: string, schema: ApiRoute['answers'][number]): object {
  const description = descriptions[status] ?? 'done'
  if (schema === undefined) return { description }
  if (schema === 'text') return { description, content: { 'text/plain': { schema: { type: 'string' } } } }
  return { description, content: { 'application/json': { schema } } }
}
