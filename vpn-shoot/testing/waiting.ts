import { eventually } from 'node-wireguard/testing/eventually'
import { places, testProgram } from 'node-wireguard/testing/landscape'
import type { Namespace } from 'node-wireguard/testing/namespaces'

/** A connection to the pod that waits for an answer. */
export interface Waiting {
  /** Has something more come back. */
  ask(): Promise<void>
  /** Why it failed; undefined while it is open. */
  problem(): string | undefined
}

/** Opens one from a namespace; it ends with the laboratory. */
export async function openWaiting(from: Namespace): Promise<Waiting> {
  const child = from.start(process.execPath, [testProgram('wait'), places.podAddress, String(places.echoPort)])
  let said = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const lines = (): readonly { readonly echoes?: number; readonly problem?: string }[] =>
    said
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  const echoes = () => lines().at(-1)?.echoes ?? 0
  const echoed = (count: number) => eventually('an echo', () => (echoes() >= count ? true : undefined))
  await echoed(1)
  return {
    ask: async () => {
      const wanted = echoes() + 1
      child.kill('SIGUSR2')
      await echoed(wanted)
    },
    problem: () => lines().find(({ problem }) => problem !== undefined)?.problem,
  }
}
