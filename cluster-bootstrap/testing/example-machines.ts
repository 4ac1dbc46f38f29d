import { gunzipSync } from 'node:zlib'
import { parse } from 'yaml'
import type { ShootCloud } from '../src/clouds/cloud.ts'
import type { InfrastructureOutputs } from '../src/infrastructure/engine.ts'
import type { Blueprint } from '../src/shoot/blueprint.ts'
import { machineValues } from '../src/shoot/machine-values.ts'
import { poolMachines } from '../src/shoot/pool-machines.ts'
import { exampleImages } from './shoot-world.ts'

/** What user-data needs, as far as examples go. */
export const exampleUserData = {
  frontDoor: '198.18.0.10',
  certificateAuthority: 'PEM',
  images: exampleImages,
  agent: undefined,
}

/** Values of the machine chart of a cloud for all pools of a blueprint, each asked for so many machines until now. */
export function exampleMachineValues(
  blueprint: Blueprint,
  cloud: ShootCloud,
  outputs: InfrastructureOutputs,
  present?: number,
): Readonly<Record<string, unknown>> {
  const names = blueprint.pools.flatMap(({ zones }) => zones.map(({ machineDeployment }) => machineDeployment))
  const replicas = new Map(present === undefined ? [] : names.map((name) => [name, present]))
  return machineValues(blueprint, poolMachines(blueprint, { cloud, outputs, replicas, userData: exampleUserData }))
}

/** What user-data leaves on a machine, as one text. */
export function filesIn(userData: string): string {
  const files: readonly { readonly encoding?: string; readonly content: string }[] = parse(userData).write_files
  return files
    .map(({ encoding, content }) =>
      encoding === 'gz+b64' ? gunzipSync(Buffer.from(content, 'base64')).toString() : content,
    )
    .join('')
}
