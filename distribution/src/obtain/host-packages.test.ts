import { expect, test } from 'vitest'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import { ensureHostPackages } from './host-packages.ts'

function hostWith(present: readonly string[], install: () => { code: number; stderr?: string }) {
  return createFakeRunner({
    sh: ([, command = '']) => ({ code: present.some((program) => command === `command -v ${program}`) ? 0 : 127 }),
    'apt-get': (args) => (args.includes('install') ? install() : {}),
  })
}

test('installs nothing when every program is there', async () => {
  const runner = hostWith(['runc', 'ip'], () => ({ code: 0 }))
  await ensureHostPackages(runner, ['runc', 'ip'], () => {})
  expect(runner.calls.filter((call) => call.startsWith('apt-get'))).toEqual([])
})

test('installs what is missing by package name and says so', async () => {
  const said: string[] = []
  const runner = hostWith(['runc'], () => ({ code: 0 }))
  await ensureHostPackages(runner, ['runc', 'ip', 'wg'], (line) => said.push(line))
  expect(runner.calls.at(-1)).toMatch(/^apt-get .*install iproute2 wireguard-tools$/)
  expect(said).toEqual(['installing iproute2, wireguard-tools'])
})

test('fetches the package lists when the first try fails', async () => {
  const codes = [100, 0]
  const runner = hostWith([], () => ({ code: codes.shift() ?? 0 }))
  await ensureHostPackages(runner, ['runc'], () => {})
  const verbs = runner.calls
    .filter((call) => call.startsWith('apt-get'))
    .map((call) => /install|update/.exec(call)?.[0])
  expect(verbs).toEqual(['install', 'update', 'install'])
})

test('names the packages and the command when they cannot be installed', async () => {
  const runner = hostWith([], () => ({ code: 100, stderr: 'E: no space left' }))
  await expect(ensureHostPackages(runner, ['runc'], () => {})).rejects.toMatchObject({
    kind: 'Unavailable',
    message: 'the packages runc cannot be installed',
    remedy: 'install them yourself: apt-get install runc',
  })
})

test('nothing that a package brings is started by itself, and a policy of the host stays', async () => {
  for (const present of [false, true]) {
    const runner = createFakeRunner({
      sh: ([, command = '']) => {
        if (command.startsWith('command -v')) return { code: 127 }
        return { stdout: present ? '' : 'written\n' }
      },
      'apt-get': () => ({}),
      rm: () => ({}),
    })
    await ensureHostPackages(runner, ['rabbitmqctl'], () => {})
    const policy = runner.calls.findIndex((call) => call.includes('policy-rc.d'))
    expect(policy).toBeLessThan(runner.calls.findIndex((call) => call.startsWith('apt-get')))
    expect(runner.calls.includes('rm -f /usr/sbin/policy-rc.d')).toBe(!present)
  }
})
