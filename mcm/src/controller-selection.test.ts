import { describe, expect, it } from 'vitest'
import { divisions } from '../testing/divisions.ts'
import { controllerNames, leaseNameFor, needProvider, selectControllers } from './controller-selection.ts'

const manager = ['machinedeployment', 'machineset']

describe('--controllers', () => {
  it.each([
    { reason: 'all', list: ['*'], selected: controllerNames },
    { reason: 'all when nothing is said', list: [], selected: controllerNames },
    { reason: 'some', list: manager, selected: manager },
    {
      reason: 'all but some',
      list: ['*', '-machineset'],
      selected: controllerNames.filter((name) => name !== 'machineset'),
    },
    {
      reason: 'all but some, in short',
      list: ['-machineset'],
      selected: controllerNames.filter((name) => name !== 'machineset'),
    },
    {
      reason: 'one taken away wins over one named',
      list: ['machine', 'machineset', '-machine'],
      selected: ['machineset'],
    },
  ])('selects $reason', ({ list, selected }) => {
    expect([...selectControllers(list)].sort()).toEqual([...selected].sort())
  })

  it.each([
    { reason: 'an unknown name', list: ['machines'] },
    { reason: 'an unknown name to leave out', list: ['*', '-machines'] },
    { reason: 'nothing left', list: ['machine', '-machine'] },
  ])('refuses $reason', ({ list }) => {
    expect(() => selectControllers(list)).toThrow(expect.objectContaining({ kind: 'Invalid', field: '--controllers' }))
  })

  it('gives the two halves of the work two leases, and needs a cloud for one of them only', () => {
    const upper = selectControllers(manager)
    const lower = selectControllers(['*', ...manager.map((name) => `-${name}`)])
    expect([upper, lower].map(leaseNameFor)).toEqual(['machine-controller-manager', 'machine-controller'])
    expect([upper, lower].map(needProvider)).toEqual([false, true])
    expect(leaseNameFor(selectControllers(['*']))).toBe('machine-controller-manager')
  })

  it.each(divisions)('gives each part of the work a lease of its own: $name', ({ parts }) => {
    const leases = parts.map((part) => leaseNameFor(selectControllers(part)))
    expect(new Set(leases).size).toBe(parts.length)
  })

  it('gives every controller that is alone a lease of its own', () => {
    const leases = controllerNames.map((name) => leaseNameFor(new Set([name])))
    expect(new Set(leases).size).toBe(controllerNames.length)
    expect(leases).toEqual(expect.arrayContaining(['machine-controller', 'machine-controller-manager-machineset']))
  })
})
