import type { TestInstallation } from './installation.ts'

/** Deletes a shoot of the local project and waits until it is gone, three minutes at most. */
export async function deleteShoot({ must }: TestInstallation, name: string): Promise<void> {
  const garden = ['kubectl', '--garden', '--namespace', 'garden-local']
  await must([...garden, 'annotate', 'shoot', name, 'confirmation.gardener.cloud/deletion=true'])
  await must([...garden, 'delete', 'shoot', name, '--timeout=180s'])
}

/** What may be wrong with a shoot. */
export interface ShootChange {
  readonly colour?: string
  readonly machineType?: string
  readonly version?: string
  readonly pods?: string
}

/** A shoot like the first one, under another name, with something changed. */
export function shootLike(name: string, change: ShootChange): object {
  return {
    apiVersion: 'core.gardener.cloud/v1beta1',
    kind: 'Shoot',
    metadata: { name, namespace: 'garden-local' },
    spec: {
      cloudProfile: { kind: 'CloudProfile', name: 'local' },
      region: 'local',
      seedName: 'local',
      ...(change.colour === undefined ? {} : { colour: change.colour }),
      kubernetes: { version: change.version ?? '1.37.2' },
      networking: {
        nodes: '10.250.0.0/16',
        pods: change.pods ?? '100.96.0.0/16',
        services: '100.64.0.0/16',
      },
      provider: {
        type: 'local',
        workers: [
          {
            name: 'pool',
            machine: { type: change.machineType ?? 'small', image: { name: 'trellis-worker' } },
            minimum: 1,
            maximum: 1,
          },
        ],
      },
    },
  }
}
