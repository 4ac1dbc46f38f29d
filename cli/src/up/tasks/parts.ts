import { defineOutput } from '@trellis/flow/output'
import type { Task } from '@trellis/flow/task'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { paths } from '../../installation.ts'
import { writeWhole } from '../../store.ts'
import type { TaskView } from '../../view/task-line.ts'
import type { UpServices } from '../services.ts'

const PartsSchema = Type.Object({
  kubernetesVersion: Type.String(),
  /** Directory with helm, kubectl and the control-plane programs. */
  programs: Type.String(),
  images: Type.Record(Type.String(), Type.String()),
  machineImages: Type.Array(Type.Object({ name: Type.String(), layers: Type.Array(Type.String()) })),
})

/** Where the parts lie and what they are called. */
export const partsOutput = defineOutput('parts', createParser(PartsSchema, 'parts').parse)

/** Gets every part that is not cached and tells the cloud which machine images there are. */
export const parts: Task<UpServices> = {
  id: 'parts',
  dependsOn: ['host'],
  produces: partsOutput,
  run: async ({ services }) => {
    const lines = new Map<string, TaskView>()
    const made = await services.distribution.ensure((progress) => {
      const before = lines.get(progress.part)
      lines.set(progress.part, viewOf(progress, before, services.clock.now()))
      services.showChildren('parts', [...lines.values()])
    })
    const output = {
      kubernetesVersion: made.kubernetesVersion,
      programs: made.assetsDirectory,
      images: made.images,
      machineImages: made.machineImages.map(({ name, layers }) => ({ name, layers: [...layers] })),
    }
    const files = paths(services.installation)
    await writeWhole(files.machineImages, `${JSON.stringify({ images: output.machineImages }, null, 2)}\n`)
    await writeWhole(files.parts, `${JSON.stringify(output, null, 2)}\n`)
    return output
  },
}

interface PartProgress {
  readonly part: string
  readonly state: 'present' | 'downloading' | 'building' | 'done' | 'failed'
  readonly detail?: string | undefined
}

function viewOf(progress: PartProgress, before: TaskView | undefined, now: number): TaskView {
  const over = progress.state === 'present' || progress.state === 'done'
  const failed = progress.state === 'failed'
  return {
    id: progress.part,
    state: over ? 'Succeeded' : failed ? 'Failed' : 'Running',
    startedAt: before?.startedAt ?? now,
    ...(over || failed ? { finishedAt: now } : {}),
    tries: 1,
    detail: progress.detail === undefined ? progress.state : `${progress.state}: ${progress.detail}`,
  }
}
