import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { readIpJson } from './host/ip-json.ts'

/** Who implements a device: the kernel, or a program behind a TUN interface. */
export type Implementation = 'kernel' | 'userspace'

const interfaceNamePattern = /^[A-Za-z0-9_.-]{1,15}$/

/** Reads an interface name. Throws `Invalid` that names `field`. */
export function parseInterfaceName(text: string, field = 'interface'): string {
  if (interfaceNamePattern.test(text) && text !== '.' && text !== '..') return text
  throw new Failure('Invalid', `${JSON.stringify(text.slice(0, 40))} cannot name a network interface`, {
    field,
    remedy: 'use 1 to 15 letters, digits, dots, dashes or underscores',
  })
}

/**
 * Makes sure that an interface of this name exists for WireGuard and says who implements it: a kernel device where the kernel has WireGuard,
 * else a persistent TUN interface, which outlives the program behind it together with its addresses and routes. An interface that is
 * there already is kept. Throws `Conflict` when it is of another kind, `Unavailable` when none can be made.
 */
export async function ensureLink(
  runner: CommandRunner,
  interfaceName: string,
  wanted: Implementation | 'automatic' = 'automatic',
): Promise<Implementation> {
  const present = await kindOf(runner, interfaceName)
  if (present !== undefined) return keep(present, interfaceName, wanted)
  if (wanted !== 'userspace') {
    const added = await runner.run('ip', ['link', 'add', 'dev', interfaceName, 'type', 'wireguard'])
    if (added.code === 0) return 'kernel'
    if (wanted === 'kernel') {
      throw new Failure('Unavailable', `no kernel device can be made: ${added.stderr.trim()}`, {
        remedy: 'load the wireguard module or choose the userspace implementation',
      })
    }
  }
  const added = await runner.run('ip', ['tuntap', 'add', 'dev', interfaceName, 'mode', 'tun'])
  if (added.code === 0) return 'userspace'
  throw new Failure('Unavailable', `neither a kernel device nor a TUN interface can be made: ${added.stderr.trim()}`, {
    remedy: 'give this process the NET_ADMIN capability and /dev/net/tun',
  })
}

/** Writes on an interface whose it is, for {@link linksOf}. Throws `Unavailable` when that is not possible. */
export async function claimLink(runner: CommandRunner, interfaceName: string, owner: string): Promise<void> {
  await runOrThrow(runner, 'ip', ['link', 'set', 'dev', interfaceName, 'alias', owner])
}

/** Names of the interfaces of an owner, those of its earlier lives included. */
export async function linksOf(runner: CommandRunner, owner: string): Promise<readonly string[]> {
  const rows = await readIpJson(runner, ['link', 'show'])
  return rows.flatMap(({ ifname, ifalias }) => (typeof ifname === 'string' && ifalias === owner ? [ifname] : []))
}

/** Removes the interface; harmless when there is none. */
export async function removeLink(runner: CommandRunner, interfaceName: string): Promise<void> {
  if ((await kindOf(runner, interfaceName)) !== undefined) {
    await runner.run('ip', ['link', 'delete', 'dev', interfaceName])
  }
}

function keep(present: string, interfaceName: string, wanted: Implementation | 'automatic'): Implementation {
  const implementation = present === 'wireguard' ? 'kernel' : present === 'tun' ? 'userspace' : undefined
  if (implementation !== undefined && (wanted === 'automatic' || wanted === implementation)) return implementation
  throw new Failure('Conflict', `an interface ${interfaceName} of kind ${present} exists already`, {
    field: 'interface',
    remedy: 'remove it or choose another name',
  })
}

/** The kind of an existing interface as the kernel names it; undefined when there is none. */
async function kindOf(runner: CommandRunner, interfaceName: string): Promise<string | undefined> {
  const shown = await runner.run('ip', ['-json', '-details', 'link', 'show', 'dev', interfaceName])
  if (shown.code !== 0) return undefined
  const [link] = JSON.parse(shown.stdout) as readonly { readonly linkinfo?: { readonly info_kind?: string } }[]
  return link?.linkinfo?.info_kind ?? 'physical'
}
