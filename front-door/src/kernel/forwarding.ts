import type { CommandRunner } from '@trellis/foundation/command'
import { describe, Failure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Family } from 'node-wireguard/address'
import { enableForwarding, readSetting } from 'node-wireguard/host/forwarding'
import { readIpJson, rowsOf } from 'node-wireguard/host/ip-json'

/**
 * Has this host pass packets on, on every interface it has, and says for which families it does. IPv4 asks for NET_ADMIN only; IPv6 is used where it is switched on
 * already or /proc/sys can be written.
 */
export async function forwardedFamilies(runner: CommandRunner, log: Log): Promise<readonly Family[]> {
  const families: Family[] = []
  const links = await readIpJson(runner, ['address', 'show'])
  for (const family of [4, 6] as const) {
    const interfaces = interfacesOf(links, family)
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

/** Names of the interfaces that have an address by which others reach this host. The runtime's own list would leave out those that have no carrier yet, as a cable that was just laid. */
function interfacesOf(links: Awaited<ReturnType<typeof readIpJson>>, family: Family): readonly string[] {
  const name = family === 4 ? 'inet' : 'inet6'
  return links.flatMap(({ ifname, flags, addr_info: addresses }) => {
    const isLoopback = Array.isArray(flags) && flags.includes('LOOPBACK')
    const has = rowsOf(addresses ?? [], 'ip address show').some((one) => one.family === name)
    return typeof ifname === 'string' && has && !isLoopback ? [ifname] : []
  })
}
