import type { MachineDeploymentStrategy } from '@trellis/api/machine/machine-deployment'
import type { Random } from '@trellis/foundation/random'
import type { Action } from './actions.ts'

/** Names of the deployments that random users work with. */
export const deploymentNames = ['alpha', 'beta'] as const

/** Subjects that a run may be about beside the usual. About a quarter of the runs is about each, so that each meets each other one. */
export const themes = [
  'update in place',
  'preservation',
  'volumes',
  'freezes',
  'fallback',
  'limits of repair',
  'edited classes',
] as const

/** A subject of a run. */
export type Theme = (typeof themes)[number]

/** What a run is about. */
export function drawThemes(random: Random): readonly Theme[] {
  return themes.filter((theme) => random.integer(theme === 'update in place' ? 3 : 4) === 0)
}

/** What happens first in a run that is about these subjects. */
export function beginnings(about: readonly Theme[], random: Random): readonly Action[] {
  return about.flatMap((theme): readonly Action[] => {
    if (theme === 'update in place')
      return [{ do: 'strategy', name: 'alpha', strategy: drawInPlace(random) }, updatesDraw(random)]
    if (theme === 'preservation') return [{ do: 'auto-preserve', name: 'alpha', most: random.integer(2) }]
    if (theme === 'volumes') return [{ do: 'stateful-app', name: 'data-0', replicas: 1 + random.integer(4) }]
    if (theme === 'fallback') return [{ do: 'fallback', name: 'alpha', classes: 'large' }]
    return []
  })
}

/** Something at random, of what is usual and of the subjects of a run. */
export function drawAction(random: Random, about: readonly Theme[] = []): Action {
  const special = about.flatMap((theme) => drawersOf[theme])
  const drawers = [...userDrawers, ...userDrawers, ...worldDrawers, ...special, ...special, ...special]
  const draw = drawers[random.integer(drawers.length)] ?? (() => ({ do: 'break-watches' as const }))
  return draw(random)
}

type Draw = (random: Random) => Action

const oneOf = <Value>(random: Random, values: readonly [Value, ...Value[]]): Value =>
  values[random.integer(values.length)] ?? values[0]
const nameOf = (random: Random) => deploymentNames[random.integer(3) === 0 ? 1 : 0] ?? 'alpha'
const classOf = (random: Random) => oneOf(random, ['small', 'large'])
const pickOf = (random: Random) => random.integer(20)
const rollDraw: Draw = (random) => ({ do: 'roll', name: nameOf(random), machineClass: classOf(random) })
const scaleDraw: Draw = (random) => ({ do: 'scale', name: nameOf(random), replicas: random.integer(6) })
const illness: Draw = (random) => ({ do: 'ready-node', pick: pickOf(random), ready: false })
const recovery: Draw = (random) => ({ do: 'ready-node', pick: pickOf(random), ready: true })
const updatesDraw: Draw = (random) => ({
  do: 'updates',
  end: oneOf(random, ['successful', 'successful', 'failed', 'never']),
})
const classChange: Draw = (random) => ({
  do: 'change-class',
  machineClass: classOf(random),
  value: `v${random.integer(5)}`,
})

const userDrawers: readonly Draw[] = [
  scaleDraw,
  scaleDraw,
  rollDraw,
  rollDraw,
  (random) => ({ do: 'strategy', name: nameOf(random), strategy: drawStrategy(random) }),
  (random) => ({ do: 'label-template', name: nameOf(random), value: `v${random.integer(5)}` }),
  (random) => ({ do: 'pause', name: nameOf(random), paused: random.integer(3) === 0 }),
  (random) => ({ do: 'delete-machine', pick: pickOf(random), force: random.integer(4) === 0 }),
  (random) => ({ do: 'mark-machine', pick: pickOf(random) }),
  (random) => ({ do: 'create-deployment', name: nameOf(random), replicas: random.integer(5) }),
  (random) => ({ do: 'app', name: `app-${random.integer(3)}`, replicas: random.integer(4) }),
  (random) => ({ do: 'label-node', pick: pickOf(random), value: `v${random.integer(5)}` }),
]

const worldDrawers: readonly Draw[] = [
  (random) => ({ do: 'delete-deployment', name: nameOf(random) }),
  classChange,
  (random) => ({ do: 'delete-node', pick: pickOf(random) }),
  (random) => ({ do: 'ready-node', pick: pickOf(random), ready: random.integer(2) === 0 }),
  (random) => ({ do: 'ready-node', pick: pickOf(random), ready: random.integer(2) === 0 }),
  (random) => ({ do: 'delete-server', pick: pickOf(random) }),
  (random) => ({ do: 'create-server', name: `stray-${random.integer(1000)}` }),
  (random) => ({ do: 'quota', servers: random.integer(2) === 0 ? undefined : random.integer(6) }),
  (random) => ({
    do: 'fail-next',
    operation: oneOf(random, ['boot', 'join', 'create', 'delete']),
    times: 1 + random.integer(3),
  }),
  (random) => ({ do: 'outage', cluster: oneOf(random, ['control', 'target']), down: random.integer(2) === 0 }),
  () => ({ do: 'break-watches' }),
  () => ({ do: 'forget-history' }),
  () => ({ do: 'crash' }),
  () => ({ do: 'stop' }),
]

const wishes = ['now', 'when-failed', 'when-failed', 'sometimes', 'false', '', null] as const
const limits = [null, '0', '1', '2', '50%', 'many'] as const

const drawersOf: Readonly<Record<Theme, readonly Draw[]>> = {
  'update in place': [
    (random) => ({ do: 'strategy', name: nameOf(random), strategy: drawInPlace(random) }),
    rollDraw,
    (random) => ({ do: 'choose-node', pick: pickOf(random), chosen: random.integer(4) > 0 }),
    () => ({ do: 'choose-all-nodes' }),
    updatesDraw,
  ],
  preservation: [
    (random) => ({ do: 'preserve-machine', pick: pickOf(random), value: oneOf(random, wishes) }),
    (random) => ({ do: 'preserve-node', pick: pickOf(random), value: oneOf(random, wishes) }),
    (random) => ({ do: 'auto-preserve', name: nameOf(random), most: random.integer(3) }),
    illness,
    illness,
    recovery,
  ],
  volumes: [
    (random) => ({ do: 'stateful-app', name: `data-${random.integer(2)}`, replicas: random.integer(5) }),
    (random) => ({ do: 'detaching', seconds: oneOf(random, [1, 10, 30, 90, null]) }),
    rollDraw,
  ],
  freezes: [
    (random) => ({
      do: 'slip-in-machines',
      name: nameOf(random),
      machines: Array.from({ length: 3 + random.integer(5) }, () => `extra-${random.text(5)}`),
    }),
    (random) => ({
      do: 'silence',
      cluster: oneOf(random, ['control', 'target', 'target']),
      seconds: 100 + random.integer(400),
    }),
    (random) => ({ do: 'unfreeze', name: nameOf(random) }),
  ],
  fallback: [
    (random) => ({
      do: 'fallback',
      name: nameOf(random),
      classes: oneOf(random, ['large', 'small', 'large, small', 'none, large', null]),
    }),
    (random) => ({
      do: 'quota',
      machineType: oneOf(random, ['small', 'small', 'large']),
      servers: random.integer(3) === 0 ? undefined : random.integer(4),
    }),
    scaleDraw,
  ],
  'limits of repair': [
    (random) => ({
      do: 'limit-repair',
      name: nameOf(random),
      perZone: oneOf(random, limits),
      inAll: oneOf(random, limits),
    }),
    illness,
    illness,
  ],
  'edited classes': [classChange, classChange],
}

function drawStrategy(random: Random): MachineDeploymentStrategy {
  const draw = random.integer(6)
  if (draw === 0) return { type: 'Recreate' }
  if (draw === 1) return drawInPlace(random)
  const maxSurge = random.integer(3)
  const maxUnavailable = draw === 2 ? '50%' : random.integer(3)
  return { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } }
}

function drawInPlace(random: Random): MachineDeploymentStrategy {
  const orchestrationType = random.integer(3) === 0 ? 'Manual' : 'Auto'
  return {
    type: 'InPlaceUpdate',
    inPlaceUpdate: { maxSurge: random.integer(2), maxUnavailable: random.integer(3), orchestrationType },
  }
}
