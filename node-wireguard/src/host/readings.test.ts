import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIpAddress } from '../address.ts'
import type { HostConfiguration } from './configuration.ts'
import { takeSnapshot } from './snapshot.ts'

const wanted: HostConfiguration = {
  links: [{ interfaceName: 'wg0', maximumTransmissionUnit: 1420 }],
  addresses: [],
  routes: [],
  firewall: { tableName: 'tunnel', probePort: 5400, peerAddresses: [parseIpAddress('192.168.123.1')], forwardTo: [] },
  forwarding: [4, 6],
}

/** Every program says this. */
function runnerThatSays(stdout: string, code = 0): CommandRunner {
  return { run: async () => ({ code, stdout, stderr: '' }) }
}

/** Values of the kinds that stand in what the programs print, often in the wrong place. */
const leaf = fc.oneof(
  fc.constantFrom(
    'wg0',
    'eth0',
    'default',
    'all',
    '10.0.0.0/8',
    '10.0.0.1',
    'fd00::/64',
    'fe80::1',
    '254',
    '0x10',
    '',
    'LOOPBACK',
  ),
  fc.string(),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
)
const names = [
  ...[
    'ifname',
    'flags',
    'mtu',
    'addr_info',
    'local',
    'prefixlen',
    'scope',
    'dst',
    'dev',
    'prefsrc',
    'table',
    'metric',
    'metrics',
  ],
  ...['type', 'pref', 'protocol', 'src', 'srclen', 'dstlen', 'fwmark', 'priority', 'nftables', 'chain', 'rule', 'name'],
]
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('list'), tie('row')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  row: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 8 }),
}))

async function outcomeOf(stdout: string): Promise<unknown> {
  const link = '{"ifname":"wg0","flags":["UP"],"mtu":1420,"addr_info":[]}'
  // The first answer has the link, so that what comes after it is read too.
  let calls = 0
  const runner: CommandRunner = {
    run: (program, args) => runnerThatSays(calls++ === 0 ? `[${link}]` : stdout).run(program, args),
  }
  return takeSnapshot(runner, async () => '1', wanted).catch((error: unknown) => error)
}

describe('what ip and nft print', () => {
  it('is read or refused as what cannot be read, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(value, fc.array(value)), async (printed) => {
        for (const text of [JSON.stringify(printed), JSON.stringify([{ ifname: 'wg0', addr_info: printed }])]) {
          const outcome = await outcomeOf(text)
          if (outcome instanceof Error) expect(outcome).toBeInstanceOf(Failure)
          const first = await takeSnapshot(runnerThatSays(text), async () => '1', wanted).catch(
            (error: unknown) => error,
          )
          if (first instanceof Error) expect(first).toBeInstanceOf(Failure)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('is refused when it is no JSON at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), async (text) => {
        const outcome = await takeSnapshot(runnerThatSays(`{${text}`), async () => '1', wanted).catch(
          (error: unknown) => error,
        )
        expect(outcome).toMatchObject({ kind: expect.stringMatching(/^(Unavailable|NotFound)$/) })
      }),
    )
  })
})
