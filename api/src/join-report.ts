import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import type { KubernetesObject } from './meta.ts'

/** Namespace of the cluster being joined in which machines report. */
export const joinReportNamespace = 'kube-system'

/** Prefix of the names of the ConfigMaps in which machines report. */
export const joinReportNamePrefix = 'trellis-join-'

/** Key under which the report stands in the ConfigMap's data, as JSON. */
export const joinReportKey = 'report'

/** Name of the ConfigMap in which this machine reports. */
export function joinReportName(machineName: string): string {
  return `${joinReportNamePrefix}${machineName}`
}

const stepSchema = Type.Object({
  name: Type.String({ description: 'Name of the step, as in start-kubelet.' }),
  state: Type.Unsafe<'pending' | 'running' | 'done' | 'failed'>({
    type: 'string',
    enum: ['pending', 'running', 'done', 'failed'],
    description: 'A failed step is tried again unless the report as a whole is failed.',
  }),
  startedAt: Type.Optional(Type.String({ description: 'When it was first begun.' })),
  finishedAt: Type.Optional(Type.String({ description: 'When it was done, or last failed.' })),
  tries: Type.Integer({ description: 'How often it was begun.' }),
  error: Type.Optional(Type.String({ description: 'Why it last failed; absent once it is done.' })),
})

const cloudInitSchema = Type.Object({
  state: Type.Unsafe<'running' | 'done' | 'degraded' | 'error'>({
    type: 'string',
    enum: ['running', 'done', 'degraded', 'error'],
    description: 'Degraded means that it ended and has complaints.',
  }),
  finishedAt: Type.Optional(Type.String({ description: 'When it ended.' })),
  errors: Type.Optional(Type.Array(Type.String(), { description: 'What went wrong, in its words.' })),
})

/** Schema of what a machine tells about its joining. Unknown fields are accepted: newer agents may say more. */
export const joinReportSchema = Type.Object({
  machine: Type.String({ description: 'Name of the machine.' }),
  role: Type.Unsafe<'worker' | 'control-plane'>({ type: 'string', enum: ['worker', 'control-plane'] }),
  state: Type.Unsafe<'joining' | 'ready' | 'failed'>({
    type: 'string',
    enum: ['joining', 'ready', 'failed'],
    description: 'Failed means that nothing will change until somebody does something.',
  }),
  bootedAt: Type.Optional(Type.String({ description: 'When the machine was started.' })),
  startedAt: Type.String({ description: 'When the agent was started.' }),
  updatedAt: Type.String({ description: 'When anything in this report last changed.' }),
  cloudInit: Type.Optional(cloudInitSchema),
  restarts: Type.Unsafe<Record<string, number>>({
    type: 'object',
    additionalProperties: { type: 'integer' },
    description: 'How often the agent had to restart each unit since it started.',
  }),
  steps: Type.Array(stepSchema),
})

/** Annotation of a report whose node is not called as its machine: the name of the node, which may write the report too. */
export const joinReportNode = 'trellis.internal/node'

/** What a machine tells about its joining. */
export type JoinReport = Static<typeof joinReportSchema>

/** How cloud-init stands on a machine. */
export type CloudInitResult = Static<typeof cloudInitSchema>

/** One step of joining. */
export type JoinStep = Static<typeof stepSchema>

const parser = createParser(joinReportSchema, 'join report')

/** The report in a ConfigMap; undefined when there is none that can be read: reports come from machines, which are not trusted. */
export function readJoinReport(
  configMap: KubernetesObject & { data?: Readonly<Record<string, string>> },
): JoinReport | undefined {
  const text = configMap.data?.[joinReportKey]
  if (text === undefined) return undefined
  try {
    const report: unknown = JSON.parse(text)
    return parser.fits(report) ? report : undefined
  } catch {
    return undefined
  }
}

/** The step that says best where a machine stands: the failed one, else the running one, else the first that is not done; undefined when all are done. */
export function currentJoinStep(report: JoinReport): JoinStep | undefined {
  return (
    report.steps.find((step) => step.state === 'failed') ??
    report.steps.find((step) => step.state === 'running') ??
    report.steps.find((step) => step.state !== 'done')
  )
}
