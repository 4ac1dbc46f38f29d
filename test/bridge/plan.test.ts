import type { Network, Route, Server } from '@trellis/cloudprovider/local/client'
import { describe, expect, it } from 'vitest'
import type { ImitatedWorld } from './imitated-cloud.ts'
import { type LocalWorld, planBridge } from './plan.ts'

const common = { tags: {}, createdAt: '2026-01-01T00:00:00Z' }
const network: Network = {
  ...common,
  id: 'net-1',
  name: 'vpc-1',
  cidr: '10.0.0.0/16',
  gateway: '10.0.0.1',
  publicAddress: '198.18.0.16',
}
const server: Server = {
  ...common,
  id: 'srv-1',
  name: 'i-1',
  network: 'net-1',
  image: 'machine',
  flavor: 'small',
  state: 'running',
  privateAddress: '10.0.0.9',
  publicAddress: '198.18.0.17',
}
const route: Route = {
  id: 'rt-1',
  network: 'net-1',
  destination: '100.96.0.0/24',
  nextHopServer: 'srv-1',
  createdAt: '',
}
const nothing: LocalWorld = { networks: [], servers: [], routes: [] }
const all: LocalWorld = { networks: [network], servers: [server], routes: [route] }
const wanted: ImitatedWorld = {
  networks: [{ name: 'vpc-1', cidr: '10.0.0.0/16' }],
  servers: [{ name: 'i-1', network: 'vpc-1', address: '10.0.0.9' }],
  routes: [{ network: 'vpc-1', destination: '100.96.0.0/24', server: 'i-1' }],
}
const unwanted: ImitatedWorld = { networks: [], servers: [], routes: [] }

describe('the plan of a bridge', () => {
  it.each<[string, ImitatedWorld, LocalWorld, readonly string[]]>([
    ['does nothing when all is there', wanted, all, []],
    ['makes the network before what is in it', wanted, nothing, ['create-network']],
    ['makes servers in networks', wanted, { ...nothing, networks: [network] }, ['create-server']],
    ['makes routes to servers', wanted, { ...all, routes: [] }, ['create-route']],
    ['takes routes and servers away before networks', unwanted, all, ['delete-route', 'delete-server']],
    ['waits for a server that goes', unwanted, { ...all, servers: [{ ...server, state: 'deleting' }], routes: [] }, []],
    ['takes empty networks away', unwanted, { ...nothing, networks: [network] }, ['delete-network']],
    [
      'leads a route to another server',
      {
        ...wanted,
        servers: [...wanted.servers, { name: 'i-2', network: 'vpc-1', address: '10.0.0.10' }],
        routes: [{ network: 'vpc-1', destination: '100.96.0.0/24', server: 'i-2' }],
      },
      { ...all, servers: [server, { ...server, id: 'srv-2', name: 'i-2', privateAddress: '10.0.0.10' }] },
      ['delete-route'],
    ],
    [
      'leads no route to a server that failed',
      wanted,
      { ...all, servers: [{ ...server, state: 'failed' }], routes: [] },
      [],
    ],
  ])('%s', (_, imitated, local, kinds) => {
    expect(planBridge(imitated, local).map(({ kind }) => kind)).toEqual(kinds)
  })
})
