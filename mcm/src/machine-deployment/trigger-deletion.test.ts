import type { Machine } from '@trellis/api/machine/machine'
import { describe, expect, it } from 'vitest'
import { deployment } from '../../testing/deployments.ts'
import { at, epoch, launched } from '../../testing/objects.ts'
import { chosenMachines, decideChoices } from './trigger-deletion.ts'

const trigger = 'node.machine.sapcloud.io/trigger-deletion-by-mcm'
const scaledAt = 'machine.sapcloud.io/last-deployment-replica-change-by-scaler-time'
const priority = 'machinepriority.machine.sapcloud.io'
const marked = 'machine.sapcloud.io/marked-for-deletion-time'

const choosing = (list: string, more: Record<string, string> = {}) =>
  deployment(3, {}, { metadata: { name: 'pool', annotations: { [trigger]: list, ...more } } })

const member = (name: string, phase: Parameters<typeof launched>[0] = 'Running', annotations = {}, going = false) =>
  launched(phase, {
    metadata: {
      name,
      labels: { node: name },
      annotations: { [priority]: '3', ...annotations },
      ...(going ? { deletionTimestamp: at(0) } : {}),
    },
  })

function decide(owner: ReturnType<typeof choosing>, machines: readonly Machine[]) {
  return decideChoices(owner, machines, (name) => machines.find(({ metadata }) => metadata.name === name), epoch)
}

describe('chosenMachines', () => {
  it.each([
    { list: '', wanted: [] },
    { list: 'a~2026-01-01T00:00:00Z', wanted: [['a', '2026-01-01T00:00:00Z']] },
    {
      list: 'a,b',
      wanted: [
        ['a', undefined],
        ['b', undefined],
      ],
    },
    {
      list: 'a~2026-01-01T02:00:00+02:00, b ,',
      wanted: [
        ['a', '2026-01-01T02:00:00+02:00'],
        ['b', undefined],
      ],
    },
    { list: 'a~soon', wanted: [['a', undefined]] },
  ])('$list', ({ list, wanted }) => {
    expect(chosenMachines(choosing(list)).map(({ name, since }) => [name, since])).toEqual(wanted)
  })
})

describe('decideChoices', () => {
  it('marks what is listed, with the instant of the list', () => {
    const { actions, chosen } = decide(choosing(`a~${at(5)}`), [member('a'), member('b')])
    expect(actions).toMatchObject([
      { kind: 'mark', patch: { metadata: { annotations: { [priority]: '1', [marked]: at(5) } } } },
    ])
    expect([...chosen]).toEqual(['a'])
  })

  it('gives the present instant to the choices of older autoscalers, once', () => {
    expect(decide(choosing('a'), [member('a')]).actions).toMatchObject([
      { kind: 'mark', patch: { metadata: { annotations: { [priority]: '1', [marked]: at(0) } } } },
    ])
    expect(decide(choosing('a'), [member('a', 'Running', { [priority]: '1', [marked]: at(-9) })]).actions).toEqual([])
  })

  it('drops what is gone, going or failed, and keeps the rest as it was written', () => {
    const machines = [
      member('going', 'Running', {}, true),
      member('failed', 'Failed'),
      member('stays', 'Pending', { [priority]: '1', [marked]: at(1) }),
    ]
    const { actions, chosen } = decide(choosing(`gone~${at(1)},going~${at(1)},stays~${at(1)},failed`), machines)
    expect(actions).toEqual([
      {
        kind: 'drop-choices',
        patch: { metadata: { resourceVersion: '1', annotations: { [trigger]: `stays~${at(1)}` } } },
      },
    ])
    expect([...chosen]).toEqual(['stays'])
    expect(decide(choosing('gone'), []).actions).toMatchObject([
      { kind: 'drop-choices', patch: { metadata: { annotations: { [trigger]: null } } } },
    ])
  })

  it('takes a mark back when the autoscaler changed its mind before the set was told', () => {
    const machine = member('a', 'Running', { [priority]: '1', [marked]: at(5) })
    expect(decide(choosing(''), [machine]).actions).toMatchObject([
      { kind: 'mark', patch: { metadata: { annotations: { [priority]: '3', [marked]: null } } } },
    ])
    expect(decide(choosing('', { [scaledAt]: at(5) }), [machine]).actions).toEqual([])
  })

  it('leaves priorities alone that others wrote', () => {
    expect(decide(choosing(''), [member('a', 'Running', { [priority]: '1' })]).actions).toEqual([])
  })
})
