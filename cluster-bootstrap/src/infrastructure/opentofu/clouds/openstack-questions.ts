import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Failure, type FailureKind } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import type { OpenStackQuestions } from './openstack-lookup.ts'
import { findValue, needValue } from './secret-values.ts'

type Secret = Readonly<Record<string, string>>

const tokenSchema = Type.Object({
  token: Type.Object({
    project: Type.Object({ id: Type.String() }),
    catalog: Type.Array(
      Type.Object({
        type: Type.String(),
        endpoints: Type.Array(
          Type.Object({
            interface: Type.String(),
            region_id: Type.Union([Type.String(), Type.Null()]),
            url: Type.String(),
          }),
        ),
      }),
    ),
  }),
})

const tokens = createParser(tokenSchema, 'answer of Keystone')

/** Where and as whom to ask. */
export interface OpenStackAccount {
  readonly secret: Secret
  readonly region: string
  readonly signal: AbortSignal
}

/** Logs in and gives the questions that looking up takes. Throws `Invalid` that names a missing key of the secret, and the cloud's refusals by their status. */
export async function askOpenStack(account: OpenStackAccount): Promise<OpenStackQuestions> {
  const url = `${needValue(account.secret, 'authURL').replace(/\/+$/, '').replace(/\/v3$/, '')}/v3/auth/tokens`
  const answer = await call(account, { method: 'POST', url, body: loginOf(account.secret) })
  const token = answer.headers['x-subject-token']
  if (answer.status !== 201 || typeof token !== 'string') throw refusal(url, answer)
  const { project, catalog } = tokens.parse(parse(answer, url)).token
  return {
    projectId: project.id,
    ask: async (service, path) => {
      const target = `${endpointOf(catalog, service, account.region)}${path}`
      const found = await call(account, { method: 'GET', url: target, token })
      if (found.status === 404) return undefined
      if (found.status !== 200) throw refusal(target, found)
      return parse(found, target)
    },
  }
}

function loginOf(secret: Secret): object {
  const userDomain = domainOf(secret, ['userDomainName', 'domainName'], ['userDomainID', 'domainID'])
  const value = findValue(secret, 'applicationCredentialSecret')
  if (value !== undefined) {
    const id = findValue(secret, 'applicationCredentialID')
    const user = { name: findValue(secret, 'username'), domain: userDomain }
    const named = { name: findValue(secret, 'applicationCredentialName'), user }
    const credential = { ...(id === undefined ? named : { id }), secret: value }
    return { auth: { identity: { methods: ['application_credential'], application_credential: credential } } }
  }
  const projectId = findValue(secret, 'tenantID')
  const project =
    projectId === undefined
      ? { name: needValue(secret, 'tenantName', 'tenantID'), domain: domainOf(secret, ['domainName'], ['domainID']) }
      : { id: projectId }
  const user = { name: needValue(secret, 'username'), password: needValue(secret, 'password'), domain: userDomain }
  return { auth: { identity: { methods: ['password'], password: { user } }, scope: { project } } }
}

function domainOf(secret: Secret, names: readonly string[], ids: readonly string[]): object {
  const id = findValue(secret, ...ids)
  return id === undefined ? { name: findValue(secret, ...names) ?? 'Default' } : { id }
}

type Catalogue = Static<typeof tokenSchema>['token']['catalog']

/** The service's address without the version, which some catalogues add and others do not. */
function endpointOf(catalogue: Catalogue, service: 'network' | 'compute', region: string): string {
  const url = catalogue
    .filter((one) => one.type === service)
    .flatMap((one) => one.endpoints)
    .find((endpoint) => endpoint.interface === 'public' && endpoint.region_id === region)?.url
  if (url === undefined) {
    throw new Failure('Invalid', `the cloud has no ${service} service in region ${region}`, { field: 'spec.region' })
  }
  const plain = url.replace(/\/+$/, '')
  return service === 'network' ? plain.replace(/\/v2\.0$/, '') : plain
}

interface Call {
  readonly method: string
  readonly url: string
  readonly token?: string
  readonly body?: object
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** Answers are lists of a few things; whatever is longer is no answer to these questions. */
const longestAnswerBytes = 4 * 1024 * 1024
const callTimeoutMilliseconds = 60_000

/** The runtime's own client, since `fetch` takes no authorities of the caller. */
function call({ secret, signal }: OpenStackAccount, { method, url, token, body }: Call): Promise<Answer> {
  const secure = url.startsWith('https:')
  const authority = findValue(secret, 'caCert')
  const options = {
    method,
    signal: AbortSignal.any([signal, AbortSignal.timeout(callTimeoutMilliseconds)]),
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { 'x-auth-token': token }),
    },
    ...(secure && authority !== undefined ? { ca: authority } : {}),
    ...(secure && findValue(secret, 'insecure') === 'true' ? { rejectUnauthorized: false } : {}),
    ...(secure ? { cert: findValue(secret, 'clientCert'), key: findValue(secret, 'clientKey') } : {}),
  }
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(signal.aborted ? signal.reason : new Failure('Unavailable', `${url} cannot be reached`, { cause }))
    const request = (secure ? requestHttps : requestHttp)(url, options, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > longestAnswerBytes) response.destroy(new Failure('Unavailable', `${url} answers without end`))
        else chunks.push(chunk)
      })
      response.on('error', fail)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      )
    })
    request.on('error', fail)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

const kinds: Readonly<Record<number, FailureKind>> = {
  400: 'Invalid',
  401: 'Unauthorized',
  403: 'Forbidden',
  409: 'Conflict',
  413: 'Throttled',
  429: 'Throttled',
}

/** Bodies are left out: an answer to a login may quote it. */
function refusal(url: string, { status }: Answer): Failure {
  return new Failure(kinds[status] ?? 'Unavailable', `${url} answers with status ${status}`)
}

function parse({ text }: Answer, url: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('Unavailable', `${url} does not answer with JSON`, { cause: error })
  }
}
