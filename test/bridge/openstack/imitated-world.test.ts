import { expect, it } from 'vitest'
import { imitatedWorldOf, type OpenStackAnswers } from './imitated-world.ts'

const answers: OpenStackAnswers = {
  servers: [
    { id: 'one', status: 'ACTIVE' },
    { id: 'two', status: 'ACTIVE' },
    { id: 'building', status: 'BUILD' },
    { id: 'homeless', status: 'ACTIVE' },
  ],
  networks: [
    { id: 'inner', 'router:external': false },
    { id: 'outer', 'router:external': true },
  ],
  subnets: [
    { id: 'nodes', network_id: 'inner', ip_version: 4, cidr: '10.250.0.0/19' },
    { id: 'nodes6', network_id: 'inner', ip_version: 6, cidr: 'fd00::/64' },
    { id: 'outside', network_id: 'outer', ip_version: 4, cidr: '172.31.255.0/24' },
  ],
  ports: [
    { device_id: 'one', device_owner: 'compute:nova', fixed_ips: [{ subnet_id: 'nodes', ip_address: '10.250.0.9' }] },
    {
      device_id: 'two',
      device_owner: 'compute:nova',
      fixed_ips: [
        { subnet_id: 'nodes6', ip_address: 'fd00::2' },
        { subnet_id: 'nodes', ip_address: '10.250.0.10' },
      ],
    },
    {
      device_id: 'building',
      device_owner: 'compute:nova',
      fixed_ips: [{ subnet_id: 'nodes', ip_address: '10.250.0.11' }],
    },
    {
      device_id: 'router',
      device_owner: 'network:router_interface',
      fixed_ips: [{ subnet_id: 'nodes', ip_address: '10.250.0.1' }],
    },
  ],
  routers: [
    {
      id: 'router',
      routes: [
        { destination: '100.96.0.0/24', nexthop: '10.250.0.9' },
        { destination: '100.96.1.0/24', nexthop: '10.250.0.99' },
      ],
    },
    { id: 'elsewhere', routes: [{ destination: '100.96.2.0/24', nexthop: '10.250.0.10' }] },
  ],
}

it('sees inner networks, servers that run and routes to them', () => {
  expect(imitatedWorldOf(answers)).toEqual({
    networks: [{ name: 'nodes', cidr: '10.250.0.0/19' }],
    servers: [
      { name: 'one', network: 'nodes', address: '10.250.0.9' },
      { name: 'two', network: 'nodes', address: '10.250.0.10' },
    ],
    routes: [{ network: 'nodes', destination: '100.96.0.0/24', server: 'one' }],
  })
})
