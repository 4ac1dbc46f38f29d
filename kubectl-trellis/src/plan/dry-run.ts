import { machineGroup } from '@trellis/api/machine/common'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { KubernetesObject } from '@trellis/api/meta'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { CommandOptions, CommandPorts } from '../command.ts'

/** What a file would make of the cluster's objects. */
export interface DryRun {
  readonly deployments: readonly MachineDeployment[]
  readonly classes: readonly MachineClass[]
}

/**
 * Has the API server apply a file without keeping it, through kubectl itself: merging, defaulting, validation and admission are exactly
 * those of `kubectl apply`. Throws `Invalid` with the server's words when it refuses.
 */
export async function dryRun(options: CommandOptions, ports: CommandPorts): Promise<DryRun> {
  const { file, kubeconfig, context, namespace } = options
  if (file === undefined) {
    throw new Failure('Invalid', 'no file is named', {
      field: '--filename',
      remedy: 'write -f FILE, or -f - to read it',
    })
  }
  const flags = { kubeconfig, context, namespace }
  const args = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]))
  const input = file === '-' ? { input: await ports.readInput() } : {}
  const answer = await ports.runner
    .run('kubectl', [...args, 'apply', '--dry-run=server', '--output=json', `--filename=${file}`], {
      ...input,
      environment: { ...ports.environment },
    })
    .catch((error: unknown) => {
      if (!isFailure(error, 'NotFound')) throw error
      throw new Failure('NotFound', 'kubectl is not on PATH', {
        cause: error,
        remedy: 'run this as kubectl trellis plan',
      })
    })
  if (answer.code !== 0) throw new Failure('Invalid', answer.stderr.trim(), { field: '--filename' })
  return sortOut(answer.stdout)
}

/** kubectl prints a list when there are several objects. */
function sortOut(text: string): DryRun {
  const printed = JSON.parse(text) as KubernetesObject & { readonly items?: readonly KubernetesObject[] }
  const objects = printed.kind === 'List' ? (printed.items ?? []) : [printed]
  const isOf = (kind: string, { kind: own, apiVersion }: KubernetesObject) =>
    own === kind && apiVersion.startsWith(`${machineGroup}/`)
  return {
    deployments: objects.filter((object): object is MachineDeployment => isOf('MachineDeployment', object)),
    classes: objects.filter((object): object is MachineClass => isOf('MachineClass', object)),
  }
}
