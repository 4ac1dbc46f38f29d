import type { AdministeredService, Administrator } from './administrator.ts'
import { type Layout, urlOf } from './layout.ts'
import { region } from './settings.ts'

interface Named {
  readonly id: string
  readonly name: string
}

/** Services that users call, and where. */
export type PublicUrls = Readonly<Record<AdministeredService, string>>

/**
 * Fills Keystone's catalogue with this start's addresses, and makes the users that services call each other as. Everything is made in one go: the databases are
 * fresh. Services call each other directly, whatever their users call.
 */
export async function fillCatalogue(
  layout: Layout,
  administrator: Administrator,
  publicUrls: PublicUrls,
): Promise<void> {
  const { call } = administrator
  const services = [
    { name: 'keystone', type: 'identity', path: '/v3' },
    { name: 'placement', type: 'placement', path: '' },
    { name: 'glance', type: 'image', path: '' },
    { name: 'nova', type: 'compute', path: '/v2.1' },
    { name: 'neutron', type: 'network', path: '' },
  ] as const
  for (const { path, ...service } of services) {
    const { name } = service
    const made = await call<{ service: Named }>('keystone', 'POST', '/services', { service })
    const direct = urlOf(layout, name)
    // No user calls Placement.
    for (const [kind, url] of [
      ['public', name === 'placement' ? direct : publicUrls[name]],
      ['internal', direct],
    ]) {
      const endpoint = { service_id: made.service.id, interface: kind, region_id: region, url: `${url}${path}` }
      await call('keystone', 'POST', '/endpoints', { endpoint })
    }
  }
  await addUser(administrator, {
    user: 'svc',
    project: 'service',
    roles: ['admin', 'service'],
    password: layout.password,
  })
}

/** A user who may do these things in a project; both are made, and the role too. */
export interface UserWish {
  readonly user: string
  readonly project: string
  readonly roles: readonly string[]
  readonly password: string
}

/** Makes a user, and answers with the ids of the user and the project. */
export async function addUser({ call }: Administrator, wish: UserWish): Promise<{ user: string; project: string }> {
  const known = (await call<{ roles: Named[] }>('keystone', 'GET', '/roles')).roles
  const { project } = await call<{ project: Named }>('keystone', 'POST', '/projects', {
    project: { name: wish.project, domain_id: 'default' },
  })
  const { user } = await call<{ user: Named }>('keystone', 'POST', '/users', {
    user: { name: wish.user, domain_id: 'default', password: wish.password, default_project_id: project.id },
  })
  for (const name of wish.roles) {
    const role =
      known.find((one) => one.name === name) ??
      (await call<{ role: Named }>('keystone', 'POST', '/roles', { role: { name } })).role
    await call('keystone', 'PUT', `/projects/${project.id}/users/${user.id}/roles/${role.id}`)
  }
  return { user: user.id, project: project.id }
}
