import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDirectoryOf } from '@trellis/distribution/cache-directory'
import { createCache } from '@trellis/distribution/store/cache'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { expect, it } from 'vitest'
import { repository } from '../architecture/sources.ts'
import type { DebianProgramPorts } from '../debian-program.ts'
import { runInVirtualMachine, virtualMachineParts } from './virtual-machine.ts'

/** What vitest writes of a run. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    /** What went wrong outside of its tests. */
    readonly message: string
    readonly assertionResults: readonly { readonly fullName: string; readonly failureMessages: readonly string[] }[]
  }[]
}

it('devices of the kernel and tunnels of them pass their tests under Debian’s kernel', async () => {
  const runner = createCommandRunner()
  const random = createSystemRandom()
  const cache = createCache(createSystemClock(), random, runner, cacheDirectoryOf(process.env))
  const ports: DebianProgramPorts = { cache, runner, signal: AbortSignal.timeout(1_500_000), tell: () => {} }
  const resultDirectory = await mkdtemp(join(tmpdir(), 'kernel-device-'))
  try {
    const script = scriptOf({
      PATH: process.env.PATH,
      HOME: '/root',
      TRELLIS_TEST_PATIENCE: '10',
      TRELLIS_WIREGUARD_GO: process.env.TRELLIS_WIREGUARD_GO,
    })
    const parts = await virtualMachineParts(ports)
    const { code, said } = await runInVirtualMachine(ports, parts, { script, resultDirectory, signal: ports.signal })
    const report = await readReport(resultDirectory)
    expect({ code, failures: failuresOf(report) }, said).toEqual({ code: 0, failures: [] })
    expect(report).toMatchObject({ numFailedTests: 0, numPendingTests: 0 })
    expect(report?.numPassedTests).toBeGreaterThan(10)
  } finally {
    await rm(resultDirectory, { recursive: true, force: true })
  }
}, 1_600_000)

function scriptOf(environment: Readonly<Record<string, string | undefined>>): string {
  const vitest = join(repository, 'node_modules/vitest/vitest.mjs')
  const exports = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`export ${name}=${quoted(value)}`],
  )
  const command = [process.execPath, vitest, 'run', '--project', 'kernel', '--reporter', 'json']
  return [
    ...exports,
    `cd ${quoted(repository)}`,
    `exec ${command.map(quoted).join(' ')} --outputFile /result/report.json`,
  ].join('\n')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

async function readReport(directory: string): Promise<Report | undefined> {
  const text = await readFile(join(directory, 'report.json'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}

function failuresOf(report: Report | undefined): readonly string[] {
  return (report?.testResults ?? []).flatMap(({ message, assertionResults }) => [
    ...(message === '' ? [] : [message]),
    ...assertionResults.flatMap(({ fullName, failureMessages }) => failureMessages.map((one) => `${fullName}: ${one}`)),
  ])
}
