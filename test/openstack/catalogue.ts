import type { Administrator } from './administrator.ts'
import { authUrlOf, type Layout, urlOf } from './layout.ts'
import { region } from './settings.ts'

interface Named {
  readonly id: string
  readonly name: string
}

/** Fills Keystone's catalogue with this start's addresses, and makes the users that services call each other as. Everything is made in one go: the databases are fresh. */
export async function fillCatalogue(layout: Layout, administrator: Administrator): Promise<void> {
  const { call } = administrator
  const addresses = [
    { name: 'keystone', type: 'identity', url: authUrlOf(layout) },
    { name: 'placement', type: 'placement', url: urlOf(layout, 'placement') },
    { name: 'glance', type: 'image', url: urlOf(layout, 'glance') },
    { name: 'nova', type: 'compute', url: `${urlOf(layout, 'nova')}/v2.1` },
    { name: 'neutron', type: 'network', url: urlOf(layout, 'neutron') },
  ]
  const serve = async (id: string, url: string) => {
    for (const kind of ['public', 'internal']) {
      const endpoint = { service_id: id, interface: kind, region_id: region, url }
      await call('keystone', 'POST', '/endpoints', { endpoint })
    }
  }
  for (const { url, ...service } of addresses) {
    const made = await call<{ service: Named }>('keystone', 'POST', '/services', { service })
    await serve(made.service.id, url)
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
