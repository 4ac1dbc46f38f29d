import { describe, expect, it } from 'vitest'
import { exampleMachineClass, exampleMachineDeployment } from '../../testing/examples.ts'
import type { MachineDeployment, MachineDeploymentSpec } from '../machine/machine-deployment.ts'
import type { FieldError } from './field-error.ts'
import { validateMachine, validateMachineClass, validateMachineDeployment, validateMachineSet } from './machine.ts'

const texts = (errors: readonly FieldError[]) => errors.map(({ field, message }) => `${field}: ${message}`)

function deployment(change: Partial<MachineDeploymentSpec>): MachineDeployment {
  const object = exampleMachineDeployment()
  if (object.spec !== undefined) object.spec = { ...object.spec, ...change }
  return object
}

it('takes the examples', () => {
  expect(validateMachineClass(exampleMachineClass())).toEqual([])
  expect(validateMachineDeployment(exampleMachineDeployment())).toEqual([])
})

describe('validateMachineDeployment', () => {
  it.each<[Partial<MachineDeploymentSpec>, string[]]>([
    [{ replicas: -1 }, ['spec.replicas: must be at least 0']],
    [
      { template: { metadata: { labels: { name: 'worker' } } } },
      ['spec.template.spec.class.kind: is required', 'spec.template.spec.class.name: is required'],
    ],
    [
      { selector: { matchLabels: { name: 'other' } } },
      ['spec.template.metadata.labels: name must be other, as the selector asks'],
    ],
    [{ strategy: undefined }, ['spec.strategy.type: is required']],
    [{ strategy: { type: 'Recreate' } }, []],
    [
      { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 'x' } } },
      [
        'spec.strategy.rollingUpdate.maxSurge: must be a number of at least 0 or a share as in 25%',
        'spec.strategy.rollingUpdate.maxUnavailable: is required',
      ],
    ],
    [
      { strategy: { type: 'InPlaceUpdate', inPlaceUpdate: { maxSurge: 0, maxUnavailable: 1 } } },
      ['spec.strategy.inPlaceUpdate.orchestrationType: is required'],
    ],
  ])('%j', (change, expected) => {
    expect(texts(validateMachineDeployment(deployment(change)))).toEqual(expected)
  })

  it('refuses an unknown strategy and a missing template', () => {
    const odd = JSON.parse(JSON.stringify(deployment({})))
    odd.spec.strategy = { type: 'Slow' }
    expect(texts(validateMachineDeployment(odd))).toEqual(['spec.strategy.type: there is no Slow'])
    odd.spec.template = undefined
    expect(texts(validateMachineDeployment(JSON.parse(JSON.stringify(odd))))).toEqual(['spec.template: is required'])
  })

  it('accepts fields of newer clients', () => {
    expect(validateMachineDeployment({ ...exampleMachineDeployment(), novelty: 1 })).toEqual([])
  })
})

it('checks durations, labels and taints of machines', () => {
  const machine = {
    apiVersion: 'machine.sapcloud.io/v1alpha1',
    kind: 'Machine',
    metadata: { name: 'a' },
    spec: {
      class: { kind: 'MachineClass', name: 'a' },
      drainTimeout: 'soon',
      creationTimeout: '20m0s',
      nodeTemplate: { metadata: { labels: { 'a b': 'c' } }, spec: { taints: [{ key: 'k', effect: 'Never' }] } },
    },
  }
  expect(texts(validateMachine(machine))).toEqual([
    'spec.drainTimeout: soon is no duration',
    'spec.nodeTemplate.metadata.labels[a b]: a b=c is no label',
    'spec.nodeTemplate.spec.taints[0].effect: there is no Never',
  ])
})

it('checks machine sets like machine deployments', () => {
  const { template, selector } = deployment({ selector: { matchLabels: { name: 'other' } } }).spec ?? {}
  const set = {
    apiVersion: 'a',
    kind: 'MachineSet',
    metadata: { name: 'a' },
    spec: { replicas: -1, template, selector },
  }
  expect(texts(validateMachineSet(set))).toEqual([
    'spec.replicas: must be at least 0',
    'spec.template.metadata.labels: name must be other, as the selector asks',
  ])
})

describe('validateMachineClass', () => {
  it('asks for capacity, type, region and zone of a node template', () => {
    const machineClass = exampleMachineClass()
    machineClass.nodeTemplate = { capacity: { cpu: 1, gpu: 0 }, instanceType: '', region: 'r', zone: 'z' }
    expect(texts(validateMachineClass(machineClass))).toEqual([
      'nodeTemplate.capacity.memory: is required',
      'nodeTemplate.instanceType: may not be empty',
    ])
    machineClass.nodeTemplate.capacity = { cpu: 'many' }
    expect(texts(validateMachineClass(machineClass))).toEqual([
      'nodeTemplate.capacity.cpu: must be a quantity such as 2, 500m or 4Gi',
    ])
  })

  it('does not ask for a node template, but for a provider spec', () => {
    const { nodeTemplate: _, ...plain } = exampleMachineClass()
    expect(validateMachineClass(plain)).toEqual([])
    const { providerSpec: __, ...bare } = plain
    expect(texts(validateMachineClass(bare))).toEqual(['providerSpec: is required'])
  })
})
