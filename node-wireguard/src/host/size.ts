import type { CommandRunner } from '@trellis/foundation/command'

/** What fits through an ordinary cable of 1,500 bytes, whichever family carries it. */
const usualSize = 1420
/** Bytes that WireGuard puts around a packet when IPv6 carries it. */
const overheadBytes = 80
/** The least that IPv6 works with. */
const leastSize = 1280

/** Largest packet for a tunnel whose own packets leave by the default route: the usual size, less where that route's interface carries less. */
export async function tunnelSize(runner: CommandRunner): Promise<number> {
  const [route] = await json<{ readonly dev?: string }>(runner, ['route', 'show', 'default'])
  if (route?.dev === undefined) return usualSize
  const [link] = await json<{ readonly mtu?: number }>(runner, ['link', 'show', 'dev', route.dev])
  return sizeWithin(link?.mtu)
}

/** Largest packet for a tunnel through an interface that carries packets of `carrierSize` bytes. */
export function sizeWithin(carrierSize: number | undefined): number {
  return Math.max(leastSize, Math.min(usualSize, (carrierSize ?? usualSize + overheadBytes) - overheadBytes))
}

async function json<Row>(runner: CommandRunner, args: readonly string[]): Promise<readonly Row[]> {
  const result = await runner.run('ip', ['-json', ...args])
  return result.code === 0 && result.stdout.trim() !== '' ? (JSON.parse(result.stdout) as readonly Row[]) : []
}
