import { describe, expect, it } from 'vitest'
import { filledWorker } from '../testing/fakes.ts'
import { nodeNameOf } from './node-name.ts'

const facts = { localHostname: 'ip-10-0-0-1.eu-west-1.compute.internal' }

describe('the name of a node', () => {
  it.each([
    { reason: 'as the machine unless told', nodeName: undefined, expected: 'first-a' },
    { reason: 'as the cloud calls the server', nodeName: '{localHostname}', expected: facts.localHostname },
    { reason: 'put together', nodeName: '{machineName}.example.org', expected: 'first-a.example.org' },
  ])('is $reason', ({ nodeName, expected }) => {
    expect(nodeNameOf(filledWorker(nodeName === undefined ? {} : { nodeName }), facts)).toBe(expected)
  })

  it('is waited for rather than guessed', () => {
    const configuration = filledWorker({ nodeName: '{localHostname}' })
    expect(() => nodeNameOf(configuration, { localHostname: undefined })).toThrow(
      expect.objectContaining({ kind: 'Unavailable', field: 'nodeName' }),
    )
    expect(nodeNameOf(filledWorker(), { localHostname: undefined })).toBe('first-a')
  })
})
