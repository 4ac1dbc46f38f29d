import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Parts } from '@trellis/distribution/distribution'
import { ensureHostPackages } from '@trellis/distribution/obtain/host-packages'
import { Failure } from '@trellis/foundation/failure'
import { requireRoot } from '../doctor/doctor.ts'
import { neededPrograms } from '../up/tasks/host.ts'
import { programsOf } from '../up/tasks/parts.ts'
import { createPartsView } from '../view/parts-view.ts'
import { createProgressView } from '../view/progress-view.ts'
import type { CommandContext } from './context.ts'

/** The stages of `trellis test`, in the order in which they run. */
export const stages = ['lint', 'types', 'unit', 'integration', 'system'] as const
export type Stage = (typeof stages)[number]

/** What a test runner counted, and what it said of each failure: its test and the first lines of its message. */
export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly failures: readonly string[]
}

/** Installs what is missing, then runs the stages; all of them run even when one fails. The last line is the total. Resolves with the exit code. */
export async function runTests(context: CommandContext, wanted: readonly string[]): Promise<number> {
  const chosen = chooseStages(wanted)
  if (needsParts(chosen)) requireRoot(context.host)
  const environment = needsParts(chosen) ? testEnvironment(await getParts(context, partsOf(chosen))) : {}
  const directory = await mkdtemp(join(tmpdir(), 'trellis-test-'))
  const outcomes: { stage: Stage; code: number; totals: Totals; seconds: number }[] = []
  try {
    for (const stage of chosen) {
      const startedAt = context.clock.now()
      context.screen.write(`\n== ${stage}\n`)
      const report = join(directory, `${stage}.json`)
      const code = await runStage(context, stage, report, environment)
      const totals = await readTotals(report, code)
      outcomes.push({ stage, code, totals, seconds: (context.clock.now() - startedAt) / 1000 })
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  for (const { stage, code, seconds } of outcomes) {
    context.screen.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${stage} ${seconds.toFixed(1)} s\n`)
  }
  for (const failure of outcomes.flatMap(({ totals }) => totals.failures)) context.screen.write(`FAIL ${failure}\n`)
  const passed = outcomes.reduce((sum, { totals }) => sum + totals.passed, 0)
  const failed = outcomes.reduce((sum, { totals }) => sum + totals.failed, 0)
  context.screen.write(`${passed} passed, ${failed} failed\n`)
  return outcomes.every(({ code }) => code === 0) ? 0 : 1
}

/** Checks the names of stages; all of them when none is given. */
export function chooseStages(wanted: readonly string[]): readonly Stage[] {
  const unknown = wanted.find((name) => !stages.includes(name as Stage))
  if (unknown !== undefined) {
    throw new Failure('Invalid', `"${unknown}" is not a stage`, {
      field: 'stage',
      remedy: `choose from ${stages.join(', ')}`,
    })
  }
  return wanted.length === 0 ? stages : stages.filter((stage) => wanted.includes(stage))
}

/** What tests are told about the parts, by environment variable. */
export function testEnvironment(parts: Parts): Readonly<Record<string, string>> {
  const worker = parts.machineImages.find(({ name }) => name === 'trellis-worker')
  const programs = programsOf(parts)
  return {
    KUBEBUILDER_ASSETS: programs,
    TRELLIS_HELM: join(programs, 'helm'),
    TRELLIS_WIREGUARD_GO: join(programs, 'wireguard-go'),
    TRELLIS_WIREGUARD_RELAY: join(programs, 'wireguard-relay'),
    TRELLIS_MACHINE_IMAGE: JSON.stringify(worker?.layers ?? []),
    TRELLIS_IMAGES: JSON.stringify(parts.images),
    ...openTofuEnvironment(parts.directories),
  }
}

/** Present only when the parts were asked for: they take long to build, and few tests need them. */
function openTofuEnvironment(directories: Parts['directories']): Readonly<Record<string, string>> {
  const { opentofu, 'opentofu-providers': providers } = directories
  if (opentofu === undefined || providers === undefined) return {}
  return { TRELLIS_OPENTOFU: join(opentofu, 'bin/tofu'), TRELLIS_OPENTOFU_PROVIDERS: providers }
}

/** Parts that the stages' tests want; an installation itself has no use for OpenTofu. */
export function partsOf(chosen: readonly Stage[]): readonly string[] {
  return ['assets', 'machines', ...(chosen.includes('integration') ? ['opentofu', 'opentofu-providers'] : [])]
}

function needsParts(chosen: readonly Stage[]): boolean {
  return chosen.some((stage) => stage === 'unit' || stage === 'integration' || stage === 'system')
}

async function getParts(context: CommandContext, names: readonly string[]): Promise<Parts> {
  using view = createProgressView(context)
  await ensureHostPackages(context.runner, [...neededPrograms, 'wg', 'curl'], () => {})
  const parts = createPartsView((tasks) => view.show(tasks))
  return await context.distribution.ensure(names, (event) => parts.take(event, context.clock.now()), context.signal)
}

function runStage(
  { installation, environment: inherited, signal }: CommandContext,
  stage: Stage,
  report: string,
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const binaries = join(installation.repositoryDirectory, 'node_modules', '.bin')
  const commands: Readonly<Record<Stage, readonly string[]>> = {
    lint: ['biome', 'check', '--error-on-warnings', '.'],
    types: ['tsc', '--noEmit'],
    unit: vitest('unit', report),
    integration: vitest('integration', report),
    system: vitest('system', report),
  }
  const [program = '', ...args] = commands[stage]
  return new Promise((resolve, reject) => {
    const child = spawn(join(binaries, program), args, {
      cwd: installation.repositoryDirectory,
      stdio: ['ignore', 'inherit', 'inherit'],
      signal,
      env: { ...inherited, ...environment, PATH: `${binaries}:${inherited.PATH ?? ''}` },
    })
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}

function vitest(project: string, report: string): readonly string[] {
  return ['vitest', 'run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
}

/** A stage without a report of its own (lint, types) counts as one. A report without a test is a failure: nothing was checked. */
async function readTotals(report: string, code: number): Promise<Totals> {
  const text = await readFile(report, 'utf8').catch(() => undefined)
  if (text === undefined) return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, failures: [] }
  return totalsOf(JSON.parse(text) as RunnerReport, code)
}

/** The part of the runner's JSON report that is read here. */
export interface RunnerReport {
  readonly numPassedTests?: number
  readonly numFailedTests?: number
  readonly testResults?: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: readonly string[] | null
    }[]
  }[]
}

const shownMessageLines = 12

/** What a report says. A run that ends with a code other than 0 has at least one failure, also when no test of it failed (an unhandled error, a file that cannot be loaded). */
export function totalsOf(report: RunnerReport, code: number): Totals {
  const { numPassedTests: passed = 0, numFailedTests: failed = 0, testResults = [] } = report
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const broken = assertionResults.filter((result) => result.status === 'failed')
    if (broken.length === 0 && status === 'failed') return [describeFailure(name, message ?? '')]
    return broken.map(({ fullName, failureMessages }) =>
      describeFailure(`${name}: ${fullName}`, failureMessages?.[0] ?? ''),
    )
  })
  const counted = Math.max(failed, failures.length)
  return { passed, failed: counted === 0 && (code !== 0 || passed === 0) ? 1 : counted, failures }
}

function describeFailure(name: string, message: string): string {
  const lines = message.split('\n').slice(0, shownMessageLines)
  return [name, ...lines].join('\n     ').trimEnd()
}
