import type { Administrator } from '../../openstack/administrator.ts'
import type { ImitatedCloud } from '../imitated-cloud.ts'
import { imitatedWorldOf, type OpenStackAnswers } from './imitated-world.ts'

/** Sees the servers of all projects, as the cloud's administrator. */
export function createImitatedOpenStack({ call }: Administrator): ImitatedCloud {
  const ask = <Sort extends keyof OpenStackAnswers>(service: 'nova' | 'neutron', path: string) =>
    call<Pick<OpenStackAnswers, Sort>>(service, 'GET', path)
  return {
    observe: async () => {
      const [servers, networks, subnets, ports, routers] = await Promise.all([
        ask<'servers'>('nova', '/servers/detail?all_tenants=1'),
        ask<'networks'>('neutron', '/networks?fields=id&fields=router:external'),
        ask<'subnets'>('neutron', '/subnets?fields=id&fields=network_id&fields=ip_version&fields=cidr'),
        ask<'ports'>('neutron', '/ports?fields=device_id&fields=device_owner&fields=fixed_ips'),
        ask<'routers'>('neutron', '/routers?fields=id&fields=routes'),
      ])
      return imitatedWorldOf({ ...servers, ...networks, ...subnets, ...ports, ...routers })
    },
  }
}
