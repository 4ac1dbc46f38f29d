import { describe, expect, it } from 'vitest'
import { exampleLoadBalancer, exampleNetwork, exampleServer } from '../testing/examples.ts'
import { type Flow, parseFlows, staleFlows } from './connection-table.ts'

const listing = `tcp      6 431999 ESTABLISHED src=198.18.0.2 dst=198.18.0.30 sport=40000 dport=443 src=10.250.0.2 dst=198.18.0.2 sport=30443 dport=40000 [ASSURED] mark=0 use=1
udp      17 28 src=198.18.0.2 dst=198.18.0.30 sport=5000 dport=51820 [UNREPLIED] src=10.250.0.9 dst=198.18.0.2 sport=31820 dport=5000 mark=0 use=1
icmp     1 29 src=10.250.0.2 dst=10.250.0.1 type=8 code=0 id=1 src=10.250.0.1 dst=10.250.0.2 type=0 code=0 id=1 mark=0 use=1

conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.`

const flow = (fields: Partial<Flow>): Flow => ({
  protocol: 'udp',
  source: '198.18.0.2',
  destination: '198.18.0.30',
  sourcePort: '5000',
  destinationPort: '51820',
  answeredBy: '10.250.0.2',
  ...fields,
})

it('reads flows out of a listing', () => {
  expect(parseFlows(listing)).toEqual([
    flow({ protocol: 'tcp', sourcePort: '40000', destinationPort: '443' }),
    flow({ answeredBy: '10.250.0.9' }),
  ])
})

describe('staleFlows', () => {
  const state = {
    network: exampleNetwork(),
    servers: [exampleServer(), exampleServer({ id: 'srv-22222222', privateAddress: '10.250.0.3' })],
    routes: [],
    loadBalancers: [
      exampleLoadBalancer({
        listeners: [
          { name: 'api', protocol: 'TCP', port: 443, targetPort: 30443 },
          { name: 'tunnel', protocol: 'UDP', port: 51820, targetPort: 31820 },
        ],
      }),
    ],
  }
  it.each([
    { reason: 'datagrams to a target stay', given: flow({}), stale: false },
    { reason: 'datagrams to what is no target any more go', given: flow({ answeredBy: '10.250.0.3' }), stale: true },
    { reason: 'datagrams that met no target go', given: flow({ answeredBy: '198.18.0.30' }), stale: true },
    { reason: 'datagrams to a port that is closed go', given: flow({ destinationPort: '53' }), stale: true },
    {
      reason: 'connections to a former target stay',
      given: flow({ protocol: 'tcp', destinationPort: '443', answeredBy: '10.250.0.3' }),
      stale: false,
    },
    {
      reason: 'connections to a server that is gone go',
      given: flow({ protocol: 'tcp', destinationPort: '443', answeredBy: '10.250.0.9' }),
      stale: true,
    },
    { reason: 'other flows are none of ours', given: flow({ destination: '198.18.0.99' }), stale: false },
  ])('$reason', ({ given, stale }) => {
    expect(staleFlows([given], state)).toEqual(stale ? [given] : [])
  })
})
