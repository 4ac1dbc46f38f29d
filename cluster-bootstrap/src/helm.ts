import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secrets } from '@trellis/api/core/configuration'
import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'

/** A chart in a cluster, with the values it is to have. */
export interface Release {
  readonly name: string
  /** Folder of the chart in the charts directory. */
  readonly chart: string
  readonly namespace: string
  readonly values: Readonly<Record<string, unknown>>
}

/** A cluster as Helm reaches it. */
export interface HelmTarget {
  readonly client: Client
  /** Text of a kubeconfig; the pod's own cluster when absent. */
  readonly kubeconfig: string | undefined
}

/** The real `helm`. Values go through its standard input, credentials through a file that only this process can read: never through arguments. */
export interface Helm {
  /**
   * Installs or upgrades; harmless to repeat, also after having been killed in the middle. Does not wait for anything to become ready.
   * Throws `Invalid` when the chart refuses the values and `Unavailable` for anything else that Helm reports.
   */
  install(target: HelmTarget, release: Release, signal?: AbortSignal): Promise<void>
}

/** What Helm needs. */
export interface HelmOptions {
  readonly runner: CommandRunner
  /** Path of the program. */
  readonly program: string
  readonly chartsDirectory: string
}

/** Makes the port to the `helm` program. */
export function createHelm({ runner, program, chartsDirectory }: HelmOptions): Helm {
  return {
    install: async (target, release, signal) => {
      await forgetInterrupted(target.client, release)
      await withKubeconfig(target.kubeconfig, async (file, directory) => {
        const args = [
          ...['upgrade', '--install', release.name, join(chartsDirectory, release.chart)],
          ...['--namespace', release.namespace, '--history-max', '2', '--values', '-'],
          // We own these objects: whoever changed one of our fields meanwhile is overruled.
          '--force-conflicts',
          ...(file === undefined ? [] : ['--kubeconfig', file]),
        ]
        const result = await runner.run(program, args, {
          input: JSON.stringify(release.values),
          environment: { HELM_CACHE_HOME: directory, HELM_CONFIG_HOME: directory, HELM_DATA_HOME: directory },
          ...(signal === undefined ? {} : { signal }),
        })
        if (result.code !== 0) throw failureOf(release, result.stderr || result.stdout)
      })
    },
  }
}

/** What Helm said, as a failure; values that do not fit the chart's schema will not fit the next time either. */
function failureOf(release: Release, said: string): Failure {
  const kind = /values don't meet the specifications of the schema|execution error at/.test(said)
    ? 'Invalid'
    : 'Unavailable'
  return new Failure(kind, `helm could not install ${release.name}: ${said.trim().slice(-1500)}`, {
    field: `charts/${release.chart}`,
  })
}

/** Helm refuses a release whose last operation was killed. We are its only user here, so a pending one can only be a dead one of ours. */
async function forgetInterrupted(client: Client, release: Release): Promise<void> {
  const pending = 'status in (pending-install,pending-upgrade,pending-rollback)'
  const { items } = await client.list(secrets, {
    namespace: release.namespace,
    labelSelector: `owner=helm,name=${release.name},${pending}`,
  })
  for (const { metadata } of items) {
    await client.delete(secrets, { namespace: release.namespace, name: metadata.name })
  }
}

async function withKubeconfig(
  kubeconfig: string | undefined,
  work: (file: string | undefined, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'trellis-helm-'))
  try {
    const file = kubeconfig === undefined ? undefined : join(directory, 'kubeconfig')
    if (file !== undefined && kubeconfig !== undefined) await writeFile(file, kubeconfig, { mode: 0o600 })
    await work(file, directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
