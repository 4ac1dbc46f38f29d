import { Failure } from '@trellis/foundation/failure'
import { authUrlOf, type Layout, urlOf } from './layout.ts'

/** Services that the administrator calls. */
export type AdministeredService = 'keystone' | 'nova' | 'neutron' | 'glance'

/** The administrator's view of the test bed. */
export interface Administrator {
  /** The parsed answer; throws with the cloud's words when it refuses. */
  call<Answer>(service: AdministeredService, method: string, path: string, body?: unknown): Promise<Answer>
  /** Puts the bytes of an image. */
  upload(image: string, content: Uint8Array): Promise<void>
}

/** Logs in as the user that Keystone was bootstrapped with. */
export async function createAdministrator(layout: Layout): Promise<Administrator> {
  const token = await login(layout)
  const addresses: Readonly<Record<AdministeredService, string>> = {
    keystone: authUrlOf(layout),
    nova: `${urlOf(layout, 'nova')}/v2.1`,
    neutron: `${urlOf(layout, 'neutron')}/v2.0`,
    glance: `${urlOf(layout, 'glance')}/v2`,
  }
  const headers = { 'x-auth-token': token, 'openstack-api-version': 'compute 2.64' }
  return {
    call: async <Answer>(service: AdministeredService, method: string, path: string, body?: unknown) => {
      const response = await fetch(`${addresses[service]}${path}`, {
        method,
        headers: { ...headers, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      if (!response.ok) throw refused(`${method} ${service}${path}`, response.status, text)
      return (text === '' ? undefined : JSON.parse(text)) as Answer
    },
    upload: async (image, content) => {
      const response = await fetch(`${addresses.glance}/images/${image}/file`, {
        method: 'PUT',
        headers: { ...headers, 'content-type': 'application/octet-stream' },
        body: Buffer.from(content),
      })
      if (!response.ok) throw refused(`upload of ${image}`, response.status, await response.text())
    },
  }
}

async function login(layout: Layout): Promise<string> {
  const domain = { id: 'default' }
  const response = await fetch(`${authUrlOf(layout)}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'admin', domain, password: layout.password } },
        },
        scope: { project: { name: 'admin', domain } },
      },
    }),
  })
  const token = response.headers.get('x-subject-token')
  if (token === null) throw refused('login', response.status, await response.text())
  return token
}

function refused(what: string, status: number, text: string): Failure {
  return new Failure('Unavailable', `${what} was answered with ${status}: ${text.slice(0, 500)}`)
}
