import { createServer } from 'node:net'
import { createSystemRandom, type Random } from '@trellis/foundation/random'

/** Below the range from which the kernel takes the ports of outgoing connections, so that none of those can get in between. */
const lowestPort = 20_000
const highestPort = 32_000

/** A port of the loopback address that was free a moment ago. */
export async function freePort(random: Random = createSystemRandom()): Promise<number> {
  for (;;) {
    const port = lowestPort + random.integer(highestPort - lowestPort)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
