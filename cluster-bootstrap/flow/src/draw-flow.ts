import type { Flow } from './define-flow.ts'

/** The graph as a Mermaid flowchart, arrows from each task to those that wait for it. The same flow always gives the same text. */
export function drawFlow<Services>(flow: Flow<Services>): string {
  const nodes = flow.tasks.map((task) => `  ${nodeName(task.id)}["${task.id}"]`)
  const edges = flow.tasks.flatMap((task) => task.dependsOn.map((id) => `  ${nodeName(id)} --> ${nodeName(task.id)}`))
  return ['flowchart LR', ...nodes, ...edges, ''].join('\n')
}

/** Mermaid gives words such as `end` a meaning of their own, so every name gets a prefix. */
function nodeName(id: string): string {
  return `task_${id.replaceAll(/[^A-Za-z0-9]/g, '_')}`
}
