import { describe, expect, it } from 'vitest'
import { auto, manual, play, type Stage } from '../../testing/in-place-stage.ts'

/** Chooses the first two nodes together, and the third later. */
async function byHand({ choose, rig }: Stage, second: number): Promise<void> {
  const names = (await rig.nodes()).map(({ metadata }) => metadata.name).sort()
  const chosen = second === 10 ? names.slice(0, 2) : second === 200 ? names.slice(2) : []
  await Promise.all(chosen.map(choose))
}

describe('transcripts of updates in place', () => {
  const plays = [
    { name: 'in-place-surge', strategy: auto(1, 0) },
    { name: 'in-place-unavailable', strategy: auto(0, 2) },
    { name: 'in-place-manual', strategy: manual, meanwhile: byHand },
  ]

  it.each(plays)('$name', async ({ name, ...piece }) => {
    const { moments } = await play({ replicas: 3, seed: 'golden', seconds: 400, ...piece })
    await expect(`${moments.map(({ line }) => line).join('\n')}\n`).toMatchFileSnapshot(`transcripts/${name}.txt`)
  })
})
