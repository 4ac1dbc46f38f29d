import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { parseIpAddress } from '../src/address.ts'
import { readHome } from '../src/path/home.ts'
import { startPathProbe } from '../src/path/probe.ts'

/** A program for tests: probes from one address to another and prints the state of the path, with the event, as a line of JSON after each event. */
const [from = '::1', to = '::1', port = '5400'] = process.argv.slice(2)
await startPathProbe({
  clock: createSystemClock(),
  random: createSystemRandom(),
  localAddress: parseIpAddress(from),
  peerAddress: parseIpAddress(to),
  port: Number(port),
  intervalMilliseconds: 100,
  home: await readHome(),
  own: () => ({ carries: false, leaving: false }),
  onChange: (state, event) => process.stdout.write(`${JSON.stringify({ ...state, event })}\n`),
})
