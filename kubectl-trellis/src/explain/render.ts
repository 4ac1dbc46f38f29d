import { span, table, wrap } from '../text.ts'
import type { Explanation } from './explanation.ts'

/** An explanation for people. */
export function renderExplanation(explanation: Explanation): string {
  return [...head(explanation), '', ...story(explanation), ...console(explanation), ...ending(explanation), ''].join(
    '\n',
  )
}

function head(explanation: Explanation): readonly string[] {
  const { namespace, machine, phase, since, isNode, now, time } = explanation
  const name = `machine ${namespace}/${machine}`
  if (phase === undefined) return [`${name} has gone; this is what events still tell`]
  const standing = `${phase} for ${span(Date.parse(time) - Date.parse(since ?? time))}`
  const kind = isNode ? 'a healthy node' : 'not a healthy node'
  return [
    `${name}: ${standing}, ${kind}`,
    `  ${made(explanation)}`,
    ...(now === undefined ? [] : [`  ${wrap(now, 110, '  ')}`]),
  ]
}

function made({ owner, class: className, providerID }: Explanation): string {
  const parts = [
    owner.deployment === undefined ? undefined : `deployment ${owner.deployment}`,
    owner.set === undefined ? undefined : `set ${owner.set}`,
    className === undefined ? undefined : `class ${className}`,
    providerID === undefined ? 'no server' : `server ${providerID}`,
  ]
  return parts.filter((part) => part !== undefined).join(' · ')
}

function story({ story: chapters }: Explanation): readonly string[] {
  const start = Date.parse(chapters[0]?.time ?? '')
  const rows = chapters.map(({ time, text, trouble }) => {
    const after = Date.parse(time) - start
    return [time, after === 0 ? '' : `+${span(after)}`, trouble ? '!' : '', text] as const
  })
  const indent = ' '.repeat(20 + 2 + Math.max(0, ...rows.map(([, after]) => after.length)) + 2 + 1 + 2)
  return table(rows.map(([time, after, mark, text]) => [time, after, mark.padEnd(1), wrap(text, 100, indent)]))
}

function console({ console: taken }: Explanation): readonly string[] {
  if (taken === undefined) return []
  const lines = taken.text.split('\n').map((line) => `  | ${line}`)
  return ['', `Console at ${taken.time}${taken.cut ? ', its last lines' : ''}:`, ...lines]
}

function ending({ next, advice, time }: Explanation): readonly string[] {
  if (next === undefined) return []
  const left = next.at === undefined ? 0 : Date.parse(next.at) - Date.parse(time)
  const when = next.at === undefined ? '' : left > 0 ? ` at ${next.at} (in ${span(left)})` : ` now (since ${next.at})`
  return ['', `Next${when}: ${next.text}`, ...advice.map((text) => `To do: ${text}`)]
}
