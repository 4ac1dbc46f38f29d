import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { readIpJson, text } from './host/ip-json.ts'
import { socketPathOf } from './uapi-client.ts'

/** What decides why `wg` refuses. */
export interface RefusalSources {
  readonly runner: CommandRunner
  readonly interfaceName: string
  /** What wg wrote, for people. */
  readonly said: string
  /** Capabilities of this process as bits; those of the machine's own unless told. */
  readonly capabilities?: () => Promise<bigint>
  /** Whether a program serves the userspace device; asks for its socket unless told. */
  readonly isServed?: () => boolean
}

/** Number of NET_ADMIN among the capabilities of Linux. */
const netAdmin = 12n

/**
 * Why `wg` refused, from what can be seen of the interface and of this process; its text is shown, never read. It exits with 1 whatever the reason.
 * `NotFound`: there is no such interface, or nobody behind it. `Unauthorized`: NET_ADMIN is lacking. `Conflict`: the interface is of another kind. `Unavailable`: none of these.
 */
export async function refusalOfWg(sources: RefusalSources): Promise<Failure> {
  const { runner, interfaceName, said } = sources
  const { capabilities = ownCapabilities, isServed = () => existsSync(socketPathOf(interfaceName)) } = sources
  const fail = (kind: Failure['kind'], why: string, remedy: string) =>
    new Failure(kind, `wg refuses ${interfaceName}: ${why} (${said.trim().slice(-500)})`, { remedy })
  const [link] = await readIpJson(runner, ['-details', 'link', 'show', 'dev', interfaceName])
  const served = isServed()
  if (link === undefined && !served) return fail('NotFound', 'there is no such interface', 'make the interface first')
  if (((await capabilities()) & (1n << netAdmin)) === 0n)
    return fail('Unauthorized', 'this process may not configure networks', 'run with the NET_ADMIN capability')
  const kind = kindOf(link?.linkinfo)
  // The socket of a device may be seen from another network namespace than its interface.
  if (kind === 'wireguard' || served)
    return fail('Unavailable', 'it did not take the configuration', 'see what it says')
  if (kind === 'tun') return fail('NotFound', 'no program serves this device', 'see whether wireguard-go runs')
  return fail('Conflict', 'it is no WireGuard device', 'choose another name for the device, or remove the interface')
}

function kindOf(linkInformation: unknown): string | undefined {
  const { info_kind: kind } = Object(linkInformation) as { readonly info_kind?: unknown }
  return text(kind)
}

async function ownCapabilities(): Promise<bigint> {
  const digits = /^CapEff:\s+([0-9a-f]+)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1]
  return BigInt(`0x${digits ?? '0'}`)
}
