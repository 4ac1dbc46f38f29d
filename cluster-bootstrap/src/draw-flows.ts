import { drawFlow } from '@trellis/flow/draw-flow'
import { makeCreateFlow } from './shoot/create-flow.ts'
import { makeDeleteFlow } from './shoot/delete-flow.ts'

/** Both graphs as the README shows them. A test tells when the README is behind. */
export function drawFlows(): readonly string[] {
  return [drawFlow(makeCreateFlow()), drawFlow(makeDeleteFlow())]
}
