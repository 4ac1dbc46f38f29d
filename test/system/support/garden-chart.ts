import { join } from 'node:path'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import type { TestInstallation } from './installation.ts'

const chart = join(import.meta.dirname, '../../../charts/trellis')

/** Changes values of the chart that the garden's controllers are installed with, as an operator does, and waits until they run so. */
export async function setChartValues({ stateDirectory }: TestInstallation, values: object): Promise<void> {
  const { TRELLIS_HELM: helm } = process.env
  if (helm === undefined) {
    throw new Failure('NotFound', 'TRELLIS_HELM is not set', { remedy: 'run ./trellis test system' })
  }
  const place = ['--namespace', 'trellis-system', '--kubeconfig', join(stateDirectory, 'kubeconfig', 'garden')]
  await runOrThrow(
    createCommandRunner(),
    helm,
    ['upgrade', 'trellis', chart, ...place, '--reuse-values', '--skip-crds', '--wait', '--values', '-'],
    { input: JSON.stringify(values) },
  )
}
