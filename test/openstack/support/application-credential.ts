import { Failure } from '@trellis/foundation/failure'
import type { Account } from '../start-openstack.ts'

/** Stands for its user in its project. */
export interface ApplicationCredential {
  readonly id: string
  readonly name: string
  readonly secret: string
}

/** Only users themselves can make application credentials: logs in as one, at that address of Keystone. */
export async function makeApplicationCredential(
  { secret, user }: Account,
  authUrl: string,
): Promise<ApplicationCredential> {
  const { username, password, tenantName } = secret
  const domain = { id: 'default' }
  const headers = { 'content-type': 'application/json' }
  const login = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      auth: {
        identity: { methods: ['password'], password: { user: { name: username, domain, password } } },
        scope: { project: { name: tenantName, domain } },
      },
    }),
  })
  const token = login.headers.get('x-subject-token') ?? ''
  const response = await fetch(`${authUrl}/users/${user}/application_credentials`, {
    method: 'POST',
    headers: { ...headers, 'x-auth-token': token },
    body: JSON.stringify({ application_credential: { name: 'machines' } }),
  })
  if (response.status !== 201) throw new Failure('Unavailable', `Keystone made no credential: ${response.status}`)
  return ((await response.json()) as { application_credential: ApplicationCredential }).application_credential
}
