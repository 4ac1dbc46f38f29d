import { defineOutput } from '@trellis/flow/output'
import type { Task } from '@trellis/flow/task'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { patiently, type ShootServices } from './services.ts'

const schema = Type.Record(Type.String(), Type.String())

/** What machines need to know of the infrastructure, by name. Which names there are is the cloud's. */
export const infrastructureOutputs = defineOutput(
  'infrastructure',
  createParser(schema, 'output of infrastructure').parse,
)

/** Makes the shoot's networks at its cloud, and what else machines there need. Comes after the control namespace, where OpenTofu keeps its state. */
export const infrastructure: Task<ShootServices> = {
  id: 'infrastructure',
  dependsOn: ['namespace'],
  produces: infrastructureOutputs,
  retry: patiently,
  run: ({ services, signal, note }) => services.infrastructure.apply({ signal, note }),
}
