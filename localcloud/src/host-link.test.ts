import type { CommandRunner } from '@trellis/foundation/command'
import { describe, expect, it } from 'vitest'
import { parseRange } from './addresses.ts'
import { joinHost } from './host-link.ts'
import { namesOf } from './names.ts'

const names = namesOf('test')
const range = parseRange('198.18.0.0/16', 'publicRange')

/** A host that answers the two questions and takes note of everything else. */
function hostWith(routes: readonly object[], links: readonly object[]) {
  const commands: string[] = []
  const runner: CommandRunner = {
    run: async (program, args) => {
      const command = [program, ...args].join(' ')
      if (command === 'ip -4 -j route show') return { code: 0, stdout: JSON.stringify(routes), stderr: '' }
      if (command === 'ip -j address show') return { code: 0, stdout: JSON.stringify(links), stderr: '' }
      commands.push(command)
      return { code: /link show/.test(command) ? 1 : 0, stdout: '', stderr: '' }
    },
  }
  return { runner, commands }
}

const ordinary = [
  { dst: 'default', gateway: '192.0.2.1', dev: 'eth0' },
  { dst: '192.0.2.0/24', dev: 'eth0' },
]
const ourInterface = (local: string) => ({
  ifname: 'test-pub',
  flags: ['UP'],
  addr_info: [{ family: 'inet', local, prefixlen: 16 }],
})

describe('joinHost', () => {
  it('adds one interface with one address to the host, and nothing else', async () => {
    const { runner, commands } = hostWith(ordinary, [])
    await joinHost(runner, names, range)
    const onHost = commands.filter(
      (command) => !command.startsWith('ip -n test-cloud') && !command.startsWith('ip netns'),
    )
    expect(onHost).toEqual([
      'ip link delete test-pub',
      'ip link add test-pub type veth peer name host netns test-cloud',
      'ip address replace 198.18.0.2/16 dev test-pub',
      'ip link set test-pub up',
    ])
  })

  it.each([
    { reason: 'a smaller range', dst: '198.18.7.0/24' },
    { reason: 'a larger range', dst: '198.0.0.0/8' },
    { reason: 'a single address', dst: '198.18.0.9' },
  ])('refuses a range of which the host reaches $reason elsewhere', async ({ dst }) => {
    const { runner, commands } = hostWith([...ordinary, { dst, dev: 'tun0' }], [])
    await expect(joinHost(runner, names, range)).rejects.toMatchObject({
      kind: 'Conflict',
      field: 'publicRange',
      message: expect.stringContaining('tun0'),
      remedy: expect.stringContaining('--public-range'),
    })
    expect(commands).toEqual([])
  })

  it('refuses an interface of that name that is not ours', async () => {
    const { runner } = hostWith(ordinary, [ourInterface('203.0.113.1')])
    await expect(joinHost(runner, names, range)).rejects.toMatchObject({ kind: 'Conflict', field: 'instance' })
  })

  it('takes its own interface for its own', async () => {
    const { runner } = hostWith([...ordinary, { dst: '198.18.0.0/16', dev: 'test-pub' }], [ourInterface('198.18.0.2')])
    await expect(joinHost(runner, names, range)).resolves.toBeUndefined()
  })
})
