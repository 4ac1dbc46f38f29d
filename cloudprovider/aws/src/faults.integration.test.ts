import { withRetry } from '@trellis/cloudprovider/contract/with-retry'
import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ec2Fault } from '../testing/ec2-front.ts'
import { type Moto, startMoto } from '../testing/moto.ts'
import { type Stage, setStage } from '../testing/stage.ts'

let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)

afterAll(() => moto[Symbol.asyncDispose]())

/** Asks until the cloud has made up its mind. */
async function untilMade({ another, request }: Stage, userData?: string) {
  const driver = another()
  const wish = { ...request('machine-a'), ...(userData === undefined ? {} : { userData }) }
  for (let tries = 0; ; tries++) {
    try {
      return await driver.createMachine(wish)
    } catch (error) {
      if (tries === 10 || !isFailure(error, 'Unavailable', 'Timeout')) throw error
    }
  }
}

describe('no second server is made', () => {
  it.each<[string, Ec2Fault]>([
    ['the answer is lost', 'lose the answer'],
    ['the answer is empty', { answer: '' }],
    ['the answer is cut short', { answer: '<?xml version="1.0"?><RunInstancesResponse><instancesSet><item>' }],
    ['the answer is a page for people', { answer: '<html><body>maintenance</body></html>' }],
    ['the answer lacks the server', { answer: '<RunInstancesResponse><instancesSet/></RunInstancesResponse>' }],
    [
      'the answer lacks the id',
      { answer: '<RunInstancesResponse><instancesSet><item/></instancesSet></RunInstancesResponse>' },
    ],
    [
      'the answer has a state that does not exist',
      {
        answer:
          '<RunInstancesResponse><instancesSet><item><instanceId>i-1</instanceId><instanceState><name>asleep</name></instanceState></item></instancesSet></RunInstancesResponse>',
      },
    ],
  ])('when %s', async (_reason, fault) => {
    await using stage = await setStage(moto)
    stage.front.fail('RunInstances', fault)
    const failure = await stage.driver.createMachine(stage.request('machine-a')).catch((error: unknown) => error)
    expect(isFailure(failure, 'Timeout', 'Unavailable'), String(failure)).toBe(true)
    const made = await untilMade(stage)
    expect(made.providerId).toContain((await stage.account.serverIds())[0])
    expect(await stage.account.serverIds()).toHaveLength(1)
  })

  it('when the answer is lost and EC2 does not show the server for a while', async () => {
    await using stage = await setStage(moto)
    stage.front.hideServers(4)
    stage.front.fail('RunInstances', 'lose the answer')
    await expect(stage.driver.createMachine(stage.request('machine-a'))).rejects.toBeInstanceOf(Failure)
    await untilMade(stage)
    expect(await stage.account.serverIds()).toHaveLength(1)
  })

  it.each([0, 3])(
    'when the user data changed after a lost answer and EC2 hides the server from %s questions',
    async (calls) => {
      await using stage = await setStage(moto)
      stage.front.hideServers(calls)
      stage.front.fail('RunInstances', 'lose the answer')
      await expect(stage.driver.createMachine(stage.request('machine-a'))).rejects.toBeInstanceOf(Failure)
      await untilMade(stage, '#cloud-config\n# a newer bootstrap token\n')
      expect(await stage.account.serverIds()).toHaveLength(1)
    },
  )

  it('when AWS is tired of calls', async () => {
    await using stage = await setStage(moto)
    const driver = withRetry({ clock: createSystemClock(), random: createSystemRandom() }, stage.driver)
    for (const action of ['DescribeInstances', 'DescribeImages', 'RunInstances', 'RunInstances']) {
      stage.front.fail(action, { refuse: 'RequestLimitExceeded', status: 503 })
    }
    await driver.createMachine(stage.request('machine-a'))
    expect(await stage.account.serverIds()).toHaveLength(1)
  })

  it('when AWS never answers, and the call is given up after a minute', async () => {
    await using stage = await setStage(moto)
    const clock = createSystemClock()
    const hurried: Clock = {
      ...clock,
      setTimer: (milliseconds, work, options) =>
        clock.setTimer(milliseconds === 60_000 ? 3000 : milliseconds, work, options),
    }
    stage.front.fail('RunInstances', 'hang')
    const driver = stage.another({ clock: hurried })
    await expect(driver.createMachine(stage.request('machine-a'))).rejects.toMatchObject({ kind: 'Timeout' })
    stage.front.release()
    await untilMade(stage)
    expect(await stage.account.serverIds()).toHaveLength(1)
  })

  it('when the caller gives up', async () => {
    await using stage = await setStage(moto)
    stage.front.fail('RunInstances', 'hang')
    const stop = new AbortController()
    const making = stage.driver.createMachine(stage.request('machine-a'), { signal: stop.signal })
    await expect.poll(() => stage.front.calls, { timeout: 20_000 }).toContain('RunInstances')
    stop.abort(new Failure('Unavailable', 'stopped by the test'))
    await expect(making).rejects.toBe(stop.signal.reason)
    stage.front.release()
    await untilMade(stage)
    expect(await stage.account.serverIds()).toHaveLength(1)
  })
})

describe('a server is not made', () => {
  it.each([
    ['InsufficientInstanceCapacity', 'Exhausted'],
    ['VcpuLimitExceeded', 'Exhausted'],
    ['Unsupported', 'Exhausted'],
    ['RequestLimitExceeded', 'Throttled'],
    ['RequestExpired', 'Unauthorized'],
    ['ExpiredToken', 'Unauthorized'],
    ['AuthFailure', 'Unauthorized'],
    ['UnauthorizedOperation', 'Forbidden'],
    ['OptInRequired', 'Forbidden'],
    ['InvalidSubnetID.NotFound', 'Invalid'],
    ['InvalidParameterCombination', 'Invalid'],
    ['InternalError', 'Unavailable'],
  ])('when AWS says %s, which is %s', async (code, kind) => {
    await using stage = await setStage(moto)
    stage.front.fail('RunInstances', { refuse: code })
    await expect(stage.driver.createMachine(stage.request('machine-a'))).rejects.toMatchObject({ kind })
    expect(await stage.account.serverIds()).toEqual([])
  })

  it('when the credentials end on the way, and is when they are renewed', async () => {
    await using stage = await setStage(moto)
    await stage.driver.createMachine(stage.request('machine-a'))
    stage.front.fail(undefined, { refuse: 'ExpiredToken' })
    const request = stage.request('machine-b')
    await expect(stage.driver.createMachine(request)).rejects.toMatchObject({
      kind: 'Unauthorized',
      message: expect.not.stringContaining(String(stage.account.secret.secretAccessKey)),
    })
    const renewed = { ...request.secret, secretAccessKey: 'another' }
    await stage.driver.createMachine({ ...request, secret: renewed })
    expect(await stage.account.serverIds()).toHaveLength(2)
  })
})

describe('deleting', () => {
  it('ends a server that EC2 does not show yet', async () => {
    await using stage = await setStage(moto)
    stage.front.hideServers(100)
    const request = stage.request('machine-a')
    const { providerId } = await stage.driver.createMachine(request)
    await stage.driver.deleteMachine({ ...request, providerId })
    expect(await stage.account.serverIds()).toEqual([])
  })

  it('goes on after a lost answer', async () => {
    await using stage = await setStage(moto)
    const request = stage.request('machine-a')
    await stage.driver.createMachine(request)
    stage.front.fail('TerminateInstances', 'lose the answer')
    await expect(stage.driver.deleteMachine(request)).rejects.toMatchObject({ kind: 'Timeout' })
    expect(await stage.driver.deleteMachine(request)).toBe('gone')
  })
})

describe('nonsense from AWS', () => {
  it.each([
    '',
    '<html/>',
    '{}',
    '<DescribeInstancesResponse><reservationSet><item><instancesSet><item/></instancesSet></item></reservationSet></DescribeInstancesResponse>',
  ])('is a failure or nothing, never a crash: %s', async (answer) => {
    await using stage = await setStage(moto)
    const request = stage.request('machine-a')
    const calls = [
      () => stage.driver.getMachineStatus(request),
      () => stage.driver.listMachines(request),
      () => stage.driver.deleteMachine(request),
      async () => stage.driver.listLeftovers?.(request),
    ]
    for (const call of calls) {
      stage.front.fail(undefined, { answer })
      const outcome = await call().catch((error: unknown) => error)
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(Failure)
    }
  })
})
