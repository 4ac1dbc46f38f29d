import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandRunner } from '@trellis/foundation/command'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { parseCidr } from './address.ts'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from './key.ts'
import { createWgDevice } from './wg-device.ts'

const random = createSeededRandom('wg-device')
const privateKey = generatePrivateKey(random)
const peer = {
  publicKey: publicKeyOf(generatePrivateKey(random)),
  presharedKey: generatePresharedKey(random),
  allowedAddresses: [parseCidr('10.0.0.0/8'), parseCidr('fd00::/64')],
}

describe('a device behind wg', () => {
  it('hands secrets over in files, never as arguments, and leaves none behind', async () => {
    const secretDirectory = await mkdtemp(join(tmpdir(), 'wg-device-'))
    const seen: { args: readonly string[]; secrets: string[] }[] = []
    const runner: CommandRunner = {
      run: async (program, args) => {
        if (program === 'ip') return { code: 0, stdout: '[{"linkinfo":{"info_kind":"wireguard"}}]', stderr: '' }
        if (args[0] === 'show') return { code: 0, stdout: '(none)\t(none)\t0\toff\n', stderr: '' }
        const secrets = args.filter((arg) => arg.startsWith(secretDirectory)).map((path) => readFileSync(path, 'utf8'))
        seen.push({ args, secrets })
        return { code: 1, stdout: '', stderr: 'Unable to modify interface' }
      },
    }
    const device = createWgDevice({ runner, interfaceName: 'wg0', secretDirectory })
    const applied = device.apply({ privateKey, listenPort: 7, firewallMark: 3, peers: [peer] })
    await expect(applied).rejects.toThrow('Unable to modify interface')
    const [call] = seen
    expect(call?.secrets).toEqual([`${privateKey}\n`, `${peer.presharedKey}\n`])
    const shown = call?.args.map((arg) => (arg.startsWith(secretDirectory) ? 'FILE' : arg)).join(' ')
    expect(shown).toBe(
      `set wg0 private-key FILE listen-port 7 fwmark 3 peer ${peer.publicKey} preshared-key FILE allowed-ips 10.0.0.0/8,fd00::/64`,
    )
    expect(readdirSync(secretDirectory)).toEqual([])
    await rm(secretDirectory, { recursive: true })
  })
})
