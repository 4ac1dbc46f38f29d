import type { ConfigMap, Secret } from '@trellis/api/core/configuration'
import { describe, expect, it } from 'vitest'
import { nodeThat } from '../../testing/objects.ts'
import { findTraces } from './traces.ts'

const label = 'node.gardener.cloud/machine-name'
const annotation = 'machine.sapcloud.io/machine'

const node = (name: string, ready: 'True' | 'False', labels: Record<string, string>) =>
  nodeThat(ready, { metadata: { name, labels } })
const token = (name: string, annotations: Record<string, string>): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'kube-system', annotations },
})
const report = (name: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'kube-system' },
})

describe('findTraces', () => {
  it('finds what machines left that do not exist, and nothing of anybody else', () => {
    const view = {
      nodes: [
        node('gone', 'False', { [label]: 'gone' }),
        node('there', 'False', { [label]: 'there' }),
        node('alive', 'True', { [label]: 'alive' }),
        node('foreign', 'False', {}),
      ],
      tokens: [token('a', { [annotation]: 'gone' }), token('b', { [annotation]: 'there' }), token('foreign', {})],
      reports: [report('trellis-join-gone'), report('trellis-join-there'), report('foreign')],
    }
    const traces = findTraces(view, (name) => name === 'there')
    expect(traces.map(({ kind, machineName, object }) => [kind, machineName, object.metadata.name])).toEqual([
      ['node', 'gone', 'gone'],
      ['token', 'gone', 'a'],
      ['report', 'gone', 'trellis-join-gone'],
    ])
  })
})
