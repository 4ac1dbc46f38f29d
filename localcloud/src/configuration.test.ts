import { describe, expect, it } from 'vitest'
import { flagsOf, parseConfiguration } from './configuration.ts'

describe('parseConfiguration', () => {
  it('has defaults', () => {
    expect(parseConfiguration([], {})).toMatchObject({
      command: 'serve',
      configuration: {
        instance: 'trellis',
        stateDirectory: '/var/lib/trellis',
        runDirectory: '/run/trellis',
        publicRange: { text: '198.18.0.0/16' },
        apiPort: 8443,
        limits: {},
      },
    })
  })

  it('takes the environment, and flags over it', () => {
    const environment = {
      TRELLIS_INSTANCE: 'env',
      TRELLIS_STATE: '/s',
      TRELLIS_RUN: '/r',
      TRELLIS_PUBLIC_RANGE: '198.19.0.0/24',
    }
    const { command, configuration } = parseConfiguration(
      ['start', '--instance', 'flag', '--quota-servers=3'],
      environment,
    )
    expect(command).toBe('start')
    expect(configuration).toMatchObject({
      instance: 'flag',
      stateDirectory: '/s',
      runDirectory: '/r',
      publicRange: { text: '198.19.0.0/24' },
      limits: { servers: 3 },
    })
  })

  it('survives being handed on as flags', () => {
    const { configuration } = parseConfiguration(
      ['--quota-cores=2', '--quota-memory-bytes=1e9', '--state=/a/', '--api-port=9'],
      {},
    )
    expect(parseConfiguration(flagsOf(configuration), { TRELLIS_INSTANCE: 'other' }).configuration).toEqual(
      configuration,
    )
  })

  it.each([
    { args: ['--colour=red'], message: '--colour' },
    { args: ['dance'], field: undefined, message: 'no command' },
    { args: ['start', 'stop'], message: 'no command' },
    { args: ['--instance=A'], field: 'instance', message: 'instance name' },
    { args: ['--state=relative'], field: 'state', message: '--state relative' },
    { args: ['--run=/a:b'], field: 'run', message: '--run' },
    { args: ['--public-range=198.18.0.0/30'], field: 'publicRange', message: 'too small' },
    { args: ['--public-range=x'], field: 'publicRange', message: 'not an IPv4 range' },
    { args: ['--api-port=0'], field: 'api-port', message: 'no port' },
    { args: ['--quota-servers=-1'], field: 'quota-servers', message: 'no limit' },
    { args: ['--quota-cores='], field: 'quota-cores', message: 'no limit' },
  ])('refuses $args', ({ args, field, message }) => {
    const attempt = () => parseConfiguration(args, {})
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(expect.objectContaining({ kind: 'Invalid', field, remedy: expect.any(String) }))
  })
})
