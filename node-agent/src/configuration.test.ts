import { exampleWorker } from '@trellis/api/testing/node-agent-configurations'
import { isFailure } from '@trellis/foundation/failure'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { filledWorker } from '../testing/fakes.ts'
import { readConfiguration } from './configuration.ts'
import { createDisk } from './disk.ts'

const poolPath = '/etc/trellis/node-agent.json'
const identityPath = '/etc/trellis/machine.json'

async function readFrom(pool: string | undefined, identity?: string) {
  await using directory = await createTemporaryDirectory()
  const disk = createDisk(directory.path)
  if (pool !== undefined) await disk.write(poolPath, pool, 0o600)
  if (identity !== undefined) await disk.write(identityPath, identity, 0o600)
  return await readConfiguration(disk, poolPath, identityPath)
}

async function failureOf(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return isFailure(error) ? { kind: error.kind, field: error.field } : error
}

describe('readConfiguration', () => {
  it('lays what belongs to the machine over what belongs to its pool', async () => {
    const { worker, ...rest } = exampleWorker()
    const { bootstrapToken, ...pool } = worker ?? { bootstrapToken: '' }
    expect(bootstrapToken).not.toBe('')
    const identity = { machineName: 'first-a', worker: { bootstrapToken: 'abcdef.0123456789abcdef' } }
    expect(await readFrom(JSON.stringify({ ...rest, worker: pool }), JSON.stringify(identity))).toEqual(filledWorker())
  })

  it('is content with one file', async () => {
    expect(await readFrom(JSON.stringify(filledWorker()))).toEqual(filledWorker())
  })

  it.each([
    ['there is no file', undefined, { kind: 'NotFound', field: undefined }],
    ['it is cut off', '{"version":1', { kind: 'Invalid', field: '(root)' }],
    ['it is a list', '[]', { kind: 'Invalid', field: '(root)' }],
    ['a key is unknown', JSON.stringify({ ...filledWorker(), colour: 'red' }), { kind: 'Invalid', field: 'colour' }],
    [
      'the name was not filled in',
      JSON.stringify({ ...filledWorker(), machineName: '<<MACHINE_NAME>>' }),
      { kind: 'Invalid', field: 'machineName' },
    ],
    [
      'the token was not filled in',
      JSON.stringify({ ...exampleWorker(), machineName: 'first-a' }),
      { kind: 'Invalid', field: 'worker.bootstrapToken' },
    ],
    [
      'the kubelet could not set a label',
      JSON.stringify(filledWorker({ nodeLabels: { 'node-role.kubernetes.io/worker': '' } })),
      { kind: 'Invalid', field: 'nodeLabels["node-role.kubernetes.io/worker"]' },
    ],
  ])('names what is wrong when %s', async (_, pool, expected) => {
    expect(await failureOf(readFrom(pool))).toEqual(expected)
  })
})
