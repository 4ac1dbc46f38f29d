import { readFile, writeFile } from 'node:fs/promises'
import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import type { ReadSetting } from './snapshot.ts'

/** Reads settings of this process's network namespace. */
export const readSetting: ReadSetting = async (path) => {
  try {
    return (await readFile(`/proc/sys/${path}`, 'utf8')).trim()
  } catch {
    return undefined
  }
}

/**
 * Lets packets that come in through an interface pass on. Where /proc/sys is read-only, as in every container without privileges,
 * IPv4 is switched on through netlink, which asks for NET_ADMIN only. IPv6 has a single switch that netlink cannot reach:
 * throws `Unauthorized` with the remedy when it is off and cannot be written.
 */
export async function enableForwarding(tools: SettingTools, family: 4 | 6, interfaceName: string): Promise<void> {
  const path = `net/ipv${family}/conf/${interfaceName}/forwarding`
  if (family === 4) {
    await sendSettings(tools.runner, interfaceName, { forwarding: 1 })
  } else {
    await writeFile(`/proc/sys/${path}`, '1\n').catch((error: unknown) => {
      throw refusal(family, interfaceName, error)
    })
  }
  if ((await tools.readSetting(path)) !== '1') throw refusal(family, interfaceName, undefined)
}

/**
 * Has the kernel take IPv4 packets from an interface whose answers leave by another one. What counts is the greater of two values, so the
 * loose check (2) wins over a strict one (1) for all interfaces that cannot be changed from here. Throws `Unauthorized` when it stays strict.
 */
export async function loosenReversePath(tools: SettingTools, interfaceName: string): Promise<void> {
  await sendSettings(tools.runner, interfaceName, { reversePathFilter: 2 })
  const now = await tools.readSetting(`net/ipv4/conf/${interfaceName}/rp_filter`)
  if (now !== undefined && now !== '2') {
    throw new Failure('Unauthorized', `net.ipv4.conf.${interfaceName}.rp_filter cannot be changed from here`, {
      remedy: 'give this process the NET_ADMIN capability',
    })
  }
}

/** What settings are changed and read with. */
export interface SettingTools {
  readonly runner: CommandRunner
  readonly readSetting: ReadSetting
}

/** `ip address restore` hands whatever message it is given to the kernel: the one door to netlink without native code. */
async function sendSettings(runner: CommandRunner, interfaceName: string, settings: InterfaceSettings): Promise<void> {
  await runner.run('ip', ['address', 'restore'], { input: settingsMessage(interfaceName, settings) })
}

const magicOfAddressDump = 0x47361222
const messageSetLink = 19
const attributeName = 3
const attributeFamilySettings = 26
const familyInternet = 2
const internetSettings = 1
/** Numbers by which the kernel knows the settings of an interface. */
const settingNumbers = { forwarding: 1, reversePathFilter: 8 } as const

/** Settings of IPv4 on one interface, each from 0 to 127. */
export type InterfaceSettings = Partial<Record<keyof typeof settingNumbers, number>>

/**
 * A dump for `ip address restore` that holds one message: change these settings of the named interface. Every byte is below 128, so it
 * survives being passed as text; for the same reason nested attributes go without their flag bit, which the kernel does not ask for here.
 */
export function settingsMessage(interfaceName: string, wanted: InterfaceSettings): string {
  const values = (Object.keys(settingNumbers) as (keyof typeof settingNumbers)[]).flatMap((setting) => {
    const value = Buffer.alloc(4)
    value.writeUInt32LE(wanted[setting] ?? 0)
    return wanted[setting] === undefined ? [] : [attribute(settingNumbers[setting], [value])]
  })
  const settings = attribute(attributeFamilySettings, [
    attribute(familyInternet, [attribute(internetSettings, values)]),
  ])
  const name = attribute(attributeName, [Buffer.from(`${interfaceName}\0`)])
  const link = Buffer.alloc(16)
  const header = Buffer.alloc(16)
  header.writeUInt32LE(header.length + link.length + name.length + settings.length, 0)
  header.writeUInt16LE(messageSetLink, 4)
  const magic = Buffer.alloc(4)
  magic.writeUInt32LE(magicOfAddressDump)
  return Buffer.concat([magic, header, link, name, settings]).toString('latin1')
}

/** A netlink attribute, padded to four bytes. */
function attribute(type: number, payload: readonly Buffer[]): Buffer {
  const body = Buffer.concat(payload)
  const bytes = Buffer.alloc(Math.ceil((4 + body.length) / 4) * 4)
  bytes.writeUInt16LE(4 + body.length, 0)
  bytes.writeUInt16LE(type, 2)
  body.copy(bytes, 4)
  return bytes
}

function refusal(family: 4 | 6, interfaceName: string, cause: unknown): Failure {
  const setting = family === 4 ? `net.ipv4.conf.${interfaceName}.forwarding` : 'net.ipv6.conf.all.forwarding'
  return new Failure('Unauthorized', `${setting} is off and cannot be switched on from here`, {
    cause,
    remedy:
      family === 6
        ? 'set the pod sysctl net.ipv6.conf.all.forwarding=1 (the kubelet must allow it) or leave out IPv6 networks'
        : 'give this process the NET_ADMIN capability',
  })
}
