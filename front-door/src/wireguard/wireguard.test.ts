import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { golden } from '../../testing/golden.ts'
import { initiationFor } from '../../testing/messages.ts'
import { isMeantFor, mac1KeyOf } from './mac1.ts'
import { readMessage } from './message.ts'

describe('heads of messages', () => {
  it('are read from what wireguard-go sends', () => {
    const { initiatorIndex, responderIndex } = golden
    expect(readMessage(golden.initiation)).toEqual({ kind: 'initiation', sender: initiatorIndex })
    expect(readMessage(golden.response)).toEqual({
      kind: 'response',
      sender: responderIndex,
      receiver: initiatorIndex,
    })
    expect(readMessage(golden.data)).toEqual({ kind: 'data', receiver: responderIndex })
  })

  it.each(['initiation', 'response', 'data'] as const)('of a %s are refused when a byte is missing', (name) => {
    expect(readMessage(golden[name].subarray(0, -1))).toBeUndefined()
  })

  it.each(['initiation', 'response'] as const)('of a %s are refused when a byte is added', (name) => {
    expect(readMessage(Buffer.concat([golden[name], Buffer.alloc(1)]))).toBeUndefined()
  })

  it('never fail, and take nothing whose reserved bytes are set', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const message = readMessage(Buffer.from(bytes))
        if (message !== undefined) expect([...bytes.subarray(1, 4)]).toEqual([0, 0, 0])
      }),
    )
  })
})

describe('the first code of an initiation', () => {
  it('of wireguard-go is for the key of the end that was asked, and for no other', () => {
    expect(isMeantFor(golden.initiation, mac1KeyOf(golden.responder))).toBe(true)
    expect(isMeantFor(golden.initiation, mac1KeyOf(golden.initiator))).toBe(false)
  })

  it('covers each byte before it', () => {
    const key = mac1KeyOf(golden.responder)
    fc.assert(
      fc.property(fc.nat(131), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const bytes = Buffer.from(golden.initiation)
        bytes[place] = (bytes[place] ?? 0) ^ change
        expect(isMeantFor(bytes, key)).toBe(false)
      }),
    )
  })

  it('is what the tests make', () => {
    expect(isMeantFor(initiationFor(golden.responder), mac1KeyOf(golden.responder))).toBe(true)
  })
})
