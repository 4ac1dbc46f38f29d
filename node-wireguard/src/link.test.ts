import type { CommandRunner } from '@trellis/foundation/command'
import { describe, expect, it } from 'vitest'
import { claimLink, ensureLink, linksOf, parseInterfaceName, removeLink } from './link.ts'

/** A machine whose interface is of the given kind, and which can make interfaces of the given kinds. */
function machine(present: string | undefined, makes: readonly string[]) {
  const calls: string[] = []
  const runner: CommandRunner = {
    run: async (program, args) => {
      const line = [program, ...args].join(' ')
      if (line.includes('link show')) {
        const stdout = JSON.stringify([{ ifname: 'wg0', linkinfo: { info_kind: present } }])
        return present === undefined ? { code: 1, stdout: '', stderr: '' } : { code: 0, stdout, stderr: '' }
      }
      calls.push(line)
      const made = makes.some((kind) => line.endsWith(kind)) || line.includes('delete')
      return { code: made ? 0 : 2, stdout: '', stderr: made ? '' : 'Unknown device type' }
    },
  }
  return { calls, runner }
}

describe('the interface of a device', () => {
  it('is the kernel device where there is one', async () => {
    const { calls, runner } = machine(undefined, ['type wireguard', 'mode tun'])
    expect(await ensureLink(runner, 'wg0')).toBe('kernel')
    expect(calls).toEqual(['ip link add dev wg0 type wireguard'])
  })

  it('is a persistent TUN interface elsewhere', async () => {
    const { calls, runner } = machine(undefined, ['mode tun'])
    expect(await ensureLink(runner, 'wg0')).toBe('userspace')
    expect(calls).toEqual(['ip link add dev wg0 type wireguard', 'ip tuntap add dev wg0 mode tun'])
  })

  it.each([
    ['wireguard', 'automatic', 'kernel'],
    ['wireguard', 'kernel', 'kernel'],
    ['tun', 'automatic', 'userspace'],
    ['tun', 'userspace', 'userspace'],
  ] as const)('of kind %s is kept when %s is wanted', async (present, wanted, implementation) => {
    const { calls, runner } = machine(present, [])
    expect(await ensureLink(runner, 'wg0', wanted)).toBe(implementation)
    expect(calls).toEqual([])
  })

  it.each([
    ['bridge', 'automatic', 'Conflict'],
    ['tun', 'kernel', 'Conflict'],
    ['wireguard', 'userspace', 'Conflict'],
    [undefined, 'kernel', 'Unavailable'],
    [undefined, 'automatic', 'Unavailable'],
  ] as const)('of kind %s is refused when %s is wanted: %s', async (present, wanted, kind) => {
    const { runner } = machine(present, [])
    await expect(ensureLink(runner, 'wg0', wanted)).rejects.toMatchObject({ kind, remedy: expect.any(String) })
  })

  it('is removed only when it is there', async () => {
    const gone = machine(undefined, [])
    await removeLink(gone.runner, 'wg0')
    expect(gone.calls).toEqual([])
    const there = machine('tun', [])
    await removeLink(there.runner, 'wg0')
    expect(there.calls).toEqual(['ip link delete dev wg0'])
  })

  it.each(['', 'a/b', 'sixteen-letters-', '..', 'a b'])('cannot be named %j', (name) => {
    expect(() => parseInterfaceName(name)).toThrow(expect.objectContaining({ kind: 'Invalid', field: 'interface' }))
  })
})

describe('whose an interface is', () => {
  it('is written on it and read back', async () => {
    const calls: string[] = []
    const rows = [
      { ifname: 'lo' },
      { ifname: 'wg0', ifalias: 'tunnel_trellis' },
      { ifname: 'wg1', ifalias: 'tunnel_other' },
      { ifname: 'wg2', ifalias: 'tunnel_trellis' },
    ]
    const runner: CommandRunner = {
      run: async (program, args) => {
        calls.push([program, ...args].join(' '))
        return { code: 0, stdout: JSON.stringify(rows), stderr: '' }
      },
    }
    await claimLink(runner, 'wg0', 'tunnel_trellis')
    expect(calls).toEqual(['ip link set dev wg0 alias tunnel_trellis'])
    expect(await linksOf(runner, 'tunnel_trellis')).toEqual(['wg0', 'wg2'])
    expect(await linksOf(runner, 'nobody')).toEqual([])
  })
})
