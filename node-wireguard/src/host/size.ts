import type { CommandRunner } from '@trellis/foundation/command'

/** What fits through an ordinary cable of 1,500 bytes, whichever family carries it. */
const usualSize = 1420
/** Bytes that WireGuard puts around a packet when IPv6 carries it. */
const overheadBytes = 80
/** The least that IPv6 works with. */
const leastSize = 1280

/** How large packets inside a tunnel may be: what is sent until something is known, and the most that is worth trying. */
export interface TunnelSizes {
  readonly start: number
  readonly ceiling: number
}

/** Sizes for a tunnel whose own packets leave by the default route. */
export async function tunnelSizes(runner: CommandRunner): Promise<TunnelSizes> {
  const [route] = await json<{ readonly dev?: string }>(runner, ['route', 'show', 'default'])
  if (route?.dev === undefined) return sizesWithin(undefined)
  const [link] = await json<{ readonly mtu?: number }>(runner, ['link', 'show', 'dev', route.dev])
  return sizesWithin(link?.mtu)
}

/** Sizes for a tunnel through an interface that carries packets of `carrierSize` bytes. Beyond that interface nothing is known, so it begins with no more than the usual. */
export function sizesWithin(carrierSize: number | undefined): TunnelSizes {
  const ceiling = Math.max(leastSize, (carrierSize ?? usualSize + overheadBytes) - overheadBytes)
  return { start: Math.min(usualSize, ceiling), ceiling }
}

async function json<Row>(runner: CommandRunner, args: readonly string[]): Promise<readonly Row[]> {
  const result = await runner.run('ip', ['-json', ...args])
  return result.code === 0 && result.stdout.trim() !== '' ? (JSON.parse(result.stdout) as readonly Row[]) : []
}
