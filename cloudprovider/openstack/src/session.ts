import type { CallBudget } from '@trellis/cloudprovider/contract/call-budget'
import type { CallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import { unlessAborted } from '@trellis/cloudprovider/contract/coalesce'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { type Catalogue, type EndpointWish, readCatalogue } from './catalogue.ts'
import type { Identity, OpenStackCredentials } from './credentials.ts'
import { failureOfAnswer } from './failures.ts'
import type { HttpAnswer, HttpExchange } from './http-exchange.ts'

/** A token and what may be called with it. */
export interface Login {
  readonly token: string
  readonly catalogue: Catalogue
  /** Instant from which it is not used any more, though it may be good a little longer. */
  readonly renewAt: number
}

/** The logins of one account, one after the other. */
export interface Session {
  /** A login that is good for a while. However many ask, Keystone is asked once. */
  login(signal?: AbortSignal): Promise<Login>
  /** Forgets this login, which a service refused. */
  discard(login: Login): void
}

/** What a session works with. */
export interface SessionOptions {
  readonly clock: Clock
  readonly exchange: HttpExchange
  readonly credentials: OpenStackCredentials
  readonly wish: EndpointWish
  readonly budget: CallBudget
  readonly metrics: CallMetrics
}

/** A token is not used in its last minute, or in the last half of a short life: the call that carries it may wait on the way. */
const spareMilliseconds = 60_000

/** Logs in when a login is asked for, not before. */
export function createSession(options: SessionOptions): Session {
  let current: Promise<Login> | undefined
  let known: Login | undefined
  const begin = (): Promise<Login> => {
    const work = options.budget
      .spend(() => authenticate(options))
      .then(
        (login) => {
          known = login
          return login
        },
        (error: unknown) => {
          if (current === work) current = undefined
          throw error
        },
      )
    // Whoever asked may have given up: a failure that nobody waits for any more is nobody's.
    work.catch(() => {})
    return work
  }
  return {
    login: (signal) => {
      if (known !== undefined && known.renewAt <= options.clock.now()) {
        known = undefined
        current = undefined
      }
      current ??= begin()
      return unlessAborted(current, signal)
    },
    discard: (login) => {
      if (known !== login) return
      known = undefined
      current = undefined
    },
  }
}

async function authenticate({ clock, exchange, credentials, wish, metrics }: SessionOptions): Promise<Login> {
  metrics.called('POST identity /auth/tokens')
  const answer = await exchange({
    method: 'POST',
    url: new URL(`${credentials.authUrl}/auth/tokens`),
    headers: {},
    body: { auth: authOf(credentials.identity) },
  })
  if (answer.status !== 201) throw loginRefused(answer, credentials)
  const token = answer.headers['x-subject-token']
  const told = readToken(answer.text)
  const expiresAt = Date.parse(String(told.expires_at))
  if (typeof token !== 'string' || Number.isNaN(expiresAt)) throw new Failure('Unavailable', 'Keystone gave no token')
  const renewAt = expiresAt - Math.min(spareMilliseconds, (expiresAt - clock.now()) / 2)
  return { token, renewAt, catalogue: readCatalogue(told.catalog, wish) }
}

/** Never `NotFound`: that would say of whatever was asked for that it is gone. Keystone says it of application credentials that it does not have, and whatever else answers of paths. */
function loginRefused({ status, text }: HttpAnswer, { identity }: OpenStackCredentials): Failure {
  const refusal = failureOfAnswer({ status: status < 400 ? 502 : status, text }, 'login')
  if (refusal.kind !== 'NotFound') return refusal
  if (identity.kind !== 'password') {
    return new Failure('Unauthorized', refusal.message, { remedy: 'make a new application credential' })
  }
  const remedy = 'write the address of Keystone, as in https://keystone.example.org:5000/v3'
  return new Failure('Invalid', refusal.message, { field: 'secretRef.data.authURL', remedy })
}

function readToken(text: string): { readonly expires_at?: unknown; readonly catalog?: unknown } {
  try {
    return (JSON.parse(text) as { token?: object } | null)?.token ?? {}
  } catch {
    throw new Failure('Unavailable', "Keystone's answer is no JSON")
  }
}

/** The body of a login. An application credential knows its project: it takes no scope. */
export function authOf(identity: Identity): object {
  if (identity.kind === 'application-credential') {
    const { id, secret } = identity
    return { identity: { methods: ['application_credential'], application_credential: { id, secret } } }
  }
  if (identity.kind === 'named-application-credential') {
    const { name, username, userDomain, secret } = identity
    const credential = { name, secret, user: { name: username, domain: userDomain } }
    return { identity: { methods: ['application_credential'], application_credential: credential } }
  }
  const { username, password, userDomain, project, projectDomain } = identity
  const user = { name: username, password, domain: userDomain }
  return {
    identity: { methods: ['password'], password: { user } },
    scope: { project: 'id' in project ? project : { ...project, domain: projectDomain } },
  }
}
