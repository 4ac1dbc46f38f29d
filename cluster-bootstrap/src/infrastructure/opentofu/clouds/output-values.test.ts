import { expect, it } from 'vitest'
import { outputsOf } from './output-values.ts'

it('makes texts with paths of the outputs of a module', () => {
  const values = { network: 'n', keyName: null, ports: 7, zone: { a: { subnet: 's-1' }, b: { subnet: 's-2' } } }
  expect(outputsOf(values, ['network', 'zone'])).toEqual({
    network: 'n',
    ports: '7',
    'zone/a/subnet': 's-1',
    'zone/b/subnet': 's-2',
  })
})

it('says which outputs are missing', () => {
  expect(() => outputsOf({ zone: {}, network: null, router: 'r' }, ['router', 'network', 'zone'])).toThrowError(
    expect.objectContaining({ kind: 'Unavailable', message: 'OpenTofu gave no output network, zone' }),
  )
})
