import { fileURLToPath } from 'node:url'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { parseAllDocuments } from 'yaml'

/** Folder of the charts in this repository. */
export const chartsDirectory = fileURLToPath(new URL('../../charts', import.meta.url))

/** The helm program: the one that `TRELLIS_HELM` names, else the one on the path. */
export function helmProgram(): string {
  return process.env.TRELLIS_HELM ?? 'helm'
}

/** A volume as far as tests look into it. */
export interface ManifestVolume {
  readonly name: string
  readonly secret?: {
    readonly secretName: string
    readonly items?: readonly { readonly key: string; readonly path: string }[]
  }
  readonly configMap?: { readonly name: string }
}

/** A container as far as tests look into it. */
export interface ManifestContainer {
  readonly name: string
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[]
  readonly resources?: { readonly requests?: Readonly<Record<string, string>> }
  readonly securityContext?: {
    readonly runAsUser?: number
    readonly privileged?: boolean
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] }
  }
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[]
}

/** A rendered object as far as tests look into it. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly data?: Readonly<Record<string, string>>
  /** Of a machine class. */
  readonly provider?: string
  readonly providerSpec?: Readonly<Record<string, unknown>>
  readonly spec?: {
    readonly template?: {
      readonly metadata?: { readonly labels?: Readonly<Record<string, string>> }
      readonly spec?: {
        readonly securityContext?: { readonly runAsUser?: number }
        readonly containers?: readonly ManifestContainer[]
        readonly volumes?: readonly ManifestVolume[]
      }
    }
  }
}

/** Renders a chart with the real helm. Throws what helm says when it refuses. */
export async function renderChart(chart: string, namespace: string, values: unknown): Promise<readonly Manifest[]> {
  const text = await runOrThrow(
    createCommandRunner(),
    helmProgram(),
    ['template', 'release', `${chartsDirectory}/${chart}`, '--namespace', namespace, '--values', '-'],
    { input: JSON.stringify(values) },
  )
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
}
