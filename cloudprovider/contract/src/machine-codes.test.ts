import { type MachineErrorCode, machineErrorCodes } from '@trellis/api/machine/well-known'
import { Failure, type FailureKind } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { callCodeOf, machineCodeOf, machineCodes, readMachineCode } from './machine-codes.ts'

/** Every kind, as the compiler sees to it. */
const expected: Readonly<Record<FailureKind, MachineErrorCode>> = {
  NotFound: 'NotFound',
  Conflict: 'AlreadyExists',
  Invalid: 'InvalidArgument',
  Unauthorized: 'Unauthenticated',
  Forbidden: 'PermissionDenied',
  Exhausted: 'ResourceExhausted',
  Throttled: 'Unavailable',
  Unavailable: 'Unavailable',
  Timeout: 'DeadlineExceeded',
  Gone: 'Aborted',
  Unimplemented: 'Unimplemented',
}
const kinds = Object.keys(expected) as FailureKind[]
const withOrigin = (wanted: string) => machineErrorCodes.filter((code) => machineCodes[code].origin === wanted)
const withRetry = (wanted: string) => machineErrorCodes.filter((code) => machineCodes[code].retry === wanted)

describe('the codes of the machine API', () => {
  it.each(kinds)('have one for %s', (kind) => {
    expect(machineCodeOf(new Failure(kind, ''))).toBe(expected[kind])
  })

  it('are all eighteen accounted for, each by what really gives it', () => {
    expect(Object.keys(machineCodes).sort()).toEqual([...machineErrorCodes].sort())
    expect(machineErrorCodes).toHaveLength(18)
    const several = new Failure('Conflict', '')
    const end = AbortSignal.abort(several)
    expect(withOrigin('failure').sort()).toEqual([...new Set(Object.values(expected))].sort())
    expect(withOrigin('several-servers')).toEqual([machineCodeOf(several, 'deleteMachine')])
    expect(withOrigin('called-off')).toEqual([callCodeOf(several, 'deleteMachine', end)])
    expect(withOrigin('bug')).toEqual([machineCodeOf(new TypeError('x'))])
    // No call of the port throws these: mcm says the first itself, the others are no errors of a driver.
    expect(withOrigin('manager')).toEqual(['FailedPrecondition'])
    expect(withOrigin('unreadable')).toEqual(['Unknown'])
    expect(withOrigin('answer')).toEqual(['OK', 'Uninitialized'])
    expect(withOrigin('never')).toEqual(['DataLoss'])
  })

  it('are tried again as the reference does', () => {
    expect(withRetry('soon')).toEqual(['Unknown', 'DeadlineExceeded', 'Aborted', 'Unavailable'])
    expect(withRetry('parked')).toEqual(['ResourceExhausted'])
  })

  it('tell several servers of one machine from a name that is taken', () => {
    expect(machineCodeOf(new Failure('Conflict', ''), 'getMachineStatus')).toBe('OutOfRange')
    expect(machineCodeOf(new Failure('Conflict', ''), 'createMachine')).toBe('AlreadyExists')
  })

  it('call off only what ended with the reason of the signal', () => {
    const end = AbortSignal.abort('enough')
    expect(callCodeOf('enough', 'listMachines', end)).toBe('Canceled')
    expect(callCodeOf(new Failure('Timeout', ''), 'listMachines', end)).toBe('DeadlineExceeded')
    expect(callCodeOf(new Failure('Forbidden', ''), 'listMachines', undefined)).toBe('PermissionDenied')
  })
})

describe('readMachineCode', () => {
  it.each(machineErrorCodes)('reads %s as a code, and as others write it into texts', (code) => {
    const text = `machine codes error: code = [${code}] message = [no [really] no]`
    expect(readMachineCode({ errorCode: code })).toBe(code)
    expect(readMachineCode({ errorCode: text })).toBe(code)
    expect(readMachineCode({ description: `Cloud provider message - ${text}` })).toBe(code)
    expect(readMachineCode({ errorCode: '', description: text })).toBe(code)
  })
  it.each([
    { reason: 'nothing', operation: {} },
    { reason: 'a text without one', operation: { description: 'OutOfRange' } },
    { reason: 'a code that nobody knows', operation: { errorCode: 'Odd' } },
    {
      reason: 'a text with such a code',
      operation: { description: 'machine codes error: code = [Odd] message = [x]' },
    },
  ])('finds none in $reason', ({ operation }) => {
    expect(readMachineCode(operation)).toBeUndefined()
  })
  it('believes the code rather than the text', () => {
    const description = 'machine codes error: code = [Internal] message = [x]'
    expect(readMachineCode({ errorCode: 'ResourceExhausted', description })).toBe('ResourceExhausted')
  })
})
