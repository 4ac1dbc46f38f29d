import { eventually } from 'node-wireguard/testing/eventually'
import { places, testProgram } from 'node-wireguard/testing/landscape'
import type { Namespace } from 'node-wireguard/testing/namespaces'

/** Answers to numbered datagrams that are sent every 10 ms to a pod of the shoot. */
export interface Stream {
  /** What happened since the last call, once answers flow again. */
  sinceLast(): Promise<Interruption>
}

/** How a stream was interrupted. */
export interface Interruption {
  readonly longestGapMilliseconds: number
  /** Questions before the last answer that were never answered. */
  readonly lost: number
}

interface Answer {
  readonly sequence: number
  readonly gapMilliseconds: number
}

/** Begins a stream from a namespace; it ends with the laboratory. */
export function openStream(from: Namespace, address: string = places.podAddress): Stream {
  const child = from.start(process.execPath, [testProgram('gaps'), address, String(places.echoPort), '10'])
  const answers: Answer[] = []
  let asked = 0
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    answers.push(...lines.map((line): Answer => JSON.parse(line)))
  })
  return {
    sinceLast: async () => {
      // Answers have to have flown for a moment, so that a gap under way has ended and is counted.
      const start = answers.length
      const flowing = () => (answers.length > start && steady(answers.slice(start)) ? true : undefined)
      await eventually('a steady stream', flowing, 30_000)
      const those = answers.splice(0)
      const last = Math.max(...those.map(({ sequence }) => sequence))
      const lost = last + 1 - asked - new Set(those.map(({ sequence }) => sequence)).size
      asked = last + 1
      return { longestGapMilliseconds: Math.round(Math.max(...those.map((one) => one.gapMilliseconds))), lost }
    },
  }
}

/** Whether the last 40 answers came without a gap worth the name. */
function steady(answers: readonly Answer[]): boolean {
  const last = answers.slice(-40)
  return last.length === 40 && last.every(({ gapMilliseconds }) => gapMilliseconds < 200)
}
