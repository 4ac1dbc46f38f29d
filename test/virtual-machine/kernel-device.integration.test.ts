import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectoryOf } from '@trellis/distribution/cache-directory'
import { createCache } from '@trellis/distribution/store/cache'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { ensureLink } from 'node-wireguard/link'
import { openLaboratory, runnerIn } from 'node-wireguard/testing/namespaces'
import { expect, it } from 'vitest'
import { repository } from '../architecture/sources.ts'
import type { DebianProgramPorts } from '../debian-program.ts'
import { runInVirtualMachine, type VirtualMachineOutcome, virtualMachineParts } from './virtual-machine.ts'

const runner = createCommandRunner()

/** What vitest writes of a run. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numFailedTestSuites: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    /** What went wrong outside of its tests. */
    readonly message: string
    readonly assertionResults: readonly { readonly fullName: string; readonly failureMessages: readonly string[] }[]
  }[]
}

it('devices of the kernel obey their law, under this kernel or under Debian’s', async () => {
  await using directory = await createTemporaryDirectory()
  const test = (await hasWireGuard()) ? testHere : testInVirtualMachine
  const { code, said } = await test(directory.path)
  const report = await readReport(directory.path)
  expect({ code, failures: failuresOf(report) }, said).toEqual({ code: 0, failures: [] })
  expect(report, said).toMatchObject({ numFailedTests: 0, numFailedTestSuites: 0, numPendingTests: 0 })
  expect(report?.numPassedTests).toBeGreaterThanOrEqual(10)
}, 1_600_000)

/** Whether the kernel of this host can make the devices itself. */
async function hasWireGuard(): Promise<boolean> {
  await using laboratory = openLaboratory()
  const namespace = runnerIn(await laboratory.namespace('kernel'))
  return (await ensureLink(namespace, `wgk${laboratory.id}`)) === 'kernel'
}

async function testHere(resultDirectory: string): Promise<VirtualMachineOutcome> {
  const { code, stdout, stderr } = await runner.run('sh', ['-c', scriptOf({}, [], resultDirectory)])
  return { code, said: stdout + stderr }
}

async function testInVirtualMachine(resultDirectory: string): Promise<VirtualMachineOutcome> {
  const cache = createCache(createSystemClock(), createSystemRandom(), runner, cacheDirectoryOf(process.env))
  const signal = AbortSignal.timeout(1_500_000)
  const ports: DebianProgramPorts = { cache, runner, signal, tell: () => {} }
  const parts = await virtualMachineParts(ports)
  const { PATH, TRELLIS_WIREGUARD_GO } = process.env
  const script = scriptOf(
    { PATH, TRELLIS_WIREGUARD_GO, HOME: '/root', TRELLIS_TEST_PATIENCE: '10' },
    devicesAlone,
    '/result',
  )
  return await runInVirtualMachine(ports, parts, { script, resultDirectory, signal })
}

/** An emulated machine beside other tests is too slow for programs that ask each other several times a second, as tunnels do. */
const devicesAlone = ['node-wireguard/src/device.kernel.test.ts']

/** Runs these tests, all of the project when none is named, with a report in a directory. */
function scriptOf(
  environment: Readonly<Record<string, string | undefined>>,
  tests: readonly string[],
  resultDirectory: string,
): string {
  const vitest = join(repository, 'node_modules/vitest/vitest.mjs')
  const exports = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`export ${name}=${quoted(value)}`],
  )
  const report = ['--reporter', 'json', '--outputFile', join(resultDirectory, 'report.json')]
  const command = [process.execPath, vitest, 'run', '--project', 'kernel', ...tests, ...report]
  return [...exports, `cd ${quoted(repository)}`, `exec ${command.map(quoted).join(' ')}`].join('\n')
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
