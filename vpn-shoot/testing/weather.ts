import { eventually } from 'node-wireguard/testing/eventually'
import { type Landscape, places, testProgram } from 'node-wireguard/testing/landscape'

/** Has the front door lose so many of a hundred datagrams at random, in both directions, from now on. */
export async function lose({ seed, door, node }: Landscape, percent: number): Promise<void> {
  // Virtual cables hand on many datagrams as one, which would be lost together.
  for (const end of [seed, node]) await end.run('ip', 'link', 'set', 'dev', 'eth0', 'gso_max_segs', '1')
  const rules = `
    table inet weather
    delete table inet weather
    table inet weather {
      chain passing {
        type filter hook forward priority -10
        meta l4proto udp numgen random mod 100 < ${percent} drop
      }
      chain here {
        type filter hook input priority -10
        meta l4proto udp numgen random mod 100 < ${percent} drop
      }
    }
  `
  await door.feed(rules, 'nft', '-f', '-')
}

/** Lets nothing more than so many kilobits per second through, in each direction, behind a queue that takes as many milliseconds to empty when it is full. */
export async function narrow({ door }: Landscape, kilobits: number, queueMilliseconds: number): Promise<void> {
  for (const side of ['seed', 'shoot']) {
    const limits = ['rate', `${kilobits}kbit`, 'burst', '4kb', 'latency', `${queueMilliseconds}ms`]
    await door.run('tc', 'qdisc', 'replace', 'dev', side, 'root', 'tbf', ...limits)
  }
}

/** Puts so many milliseconds on the way between both ends, in each direction, of what goes to this port of the front door. */
export async function delay({ door }: Landscape, port: number, milliseconds: number): Promise<void> {
  await door.run('nft', 'flush', 'chain', 'ip', 'front', 'prerouting')
  const way = [places.doorAddress, String(port), '10.1.0.2', String(port), String(milliseconds)]
  const child = door.start(process.execPath, [testProgram('delay'), ...way])
  let said = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await eventually('the delay', () => (said.includes('ready') ? true : undefined))
}
