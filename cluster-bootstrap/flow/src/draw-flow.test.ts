import { expect, it } from 'vitest'
import { defineFlow } from './define-flow.ts'
import { drawFlow } from './draw-flow.ts'

it('draws tasks and arrows, the same text every time', () => {
  const run = async () => {}
  const flow = defineFlow('f', [
    { id: 'end', dependsOn: ['front-door'], run },
    { id: 'front-door', dependsOn: [], run },
  ])
  expect(drawFlow(flow)).toBe(
    ['flowchart LR', '  task_front_door["front-door"]', '  task_end["end"]', '  task_front_door --> task_end', ''].join(
      '\n',
    ),
  )
})
