import { join } from 'node:path'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { type Installation, paths } from '../installation.ts'
import { garden } from './garden.ts'

/** What a chart is installed with. */
export interface GardenHelm {
  readonly installation: Installation
  readonly runner: CommandRunner
  /** Directory of helm. */
  readonly programs: string
  readonly signal: AbortSignal
}

/**
 * Brings a chart of ours, by the name of its folder, into the garden's namespace with these values, whatever is there of it already; the release has the
 * chart's name. Kinds are left alone. Throws what helm says.
 */
export async function installChart(
  { installation, runner, programs, signal }: GardenHelm,
  chart: string,
  values: Readonly<Record<string, unknown>>,
): Promise<void> {
  const args = [
    ...['upgrade', '--install', '--skip-crds', chart, join(installation.repositoryDirectory, 'charts', chart)],
    ...['--namespace', garden.namespace, '--kubeconfig', paths(installation).gardenKubeconfig, '--values', '-'],
  ]
  await runOrThrow(runner, join(programs, 'helm'), args, { input: JSON.stringify(values), signal })
}
