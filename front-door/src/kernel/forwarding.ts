import { networkInterfaces } from 'node:os'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe, Failure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Family } from 'node-wireguard/address'
import { enableForwarding, readSetting } from 'node-wireguard/host/forwarding'

/**
 * Has this host pass packets on, on every interface it has, and says for which families it does. IPv4 asks for NET_ADMIN only; IPv6 is used where it is switched on
 * already or /proc/sys can be written.
 */
export async function forwardedFamilies(runner: CommandRunner, log: Log): Promise<readonly Family[]> {
  const families: Family[] = []
  for (const family of [4, 6] as const) {
    const interfaces = interfacesOf(family)
    try {
      for (const name of interfaces) await forward(runner, family, name)
      if (interfaces.length > 0) families.push(family)
    } catch (error) {
      log.info({ family, problem: describe(error) }, 'the kernel does not forward this family; the program does')
    }
  }
  return families
}

async function forward(runner: CommandRunner, family: Family, name: string): Promise<void> {
  // All of IPv6 hangs on one switch; the ones of interfaces mean something else.
  const scope = family === 6 ? 'all' : name
  if ((await readSetting(`net/ipv${family}/conf/${scope}/forwarding`)) === '1') return
  if (family === 6 && (await readSetting('net/ipv6/conf/all/forwarding')) === undefined) {
    throw new Failure('Unimplemented', 'there is no IPv6')
  }
  await enableForwarding({ runner, readSetting }, family, scope)
}

/** Names of the interfaces that have an address by which others reach this host. */
function interfacesOf(family: Family): readonly string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.some((one) => !one.internal && one.family === `IPv${family}`) ? [name] : [],
  )
}
