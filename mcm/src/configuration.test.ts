import { describe, expect, it } from 'vitest'
import { readConfiguration } from './configuration.ts'
import { flagHelp, flagTable } from './flags.ts'

const local = '--provider=local'

/** Flags of both processes of the reference, as its manifests may carry them. */
const referenceFlags = [
  '--port=10258',
  '--address=0.0.0.0',
  '--concurrent-syncs=30',
  '--min-resync-period=12h',
  '--profiling=false',
  '--contention-profiling=false',
  '--target-kubeconfig=/t',
  '--control-kubeconfig=inClusterConfig',
  '--namespace=n',
  '--kube-api-content-type=application/vnd.kubernetes.protobuf',
  '--kube-api-qps=150',
  '--kube-api-burst=200',
  '--controller-start-interval=0s',
  '--safety-up=2',
  '--safety-down=1',
  '--machine-safety-overshooting-period=1m',
  '--autoscaler-scaledown-annotation-during-rollout=true',
  '--leader-elect=true',
  '--leader-elect-lease-duration=15s',
  '--leader-elect-renew-deadline=10s',
  '--leader-elect-retry-period=2s',
  '--leader-elect-resource-lock=leases',
  '--v=3',
  '--machine-creation-timeout=20m',
  '--machine-health-timeout=10m',
  '--machine-drain-timeout=2h',
  '--machine-inplace-update-timeout=20m',
  '--machine-max-evict-retries=360',
  '--machine-pv-detach-timeout=2m',
  '--machine-pv-reattach-timeout=90s',
  '--machine-preserve-timeout=96h',
  '--machine-safety-orphan-vms-period=30m',
  '--machine-safety-apiserver-statuscheck-timeout=30s',
  '--machine-safety-apiserver-statuscheck-period=1m',
  '--node-conditions=A,B',
  '--bootstrap-token-auth-extra-groups=system:bootstrappers:x',
  '--resource-exhausted-retry=10m',
]

describe('the configuration', () => {
  it('has the defaults of the reference', () => {
    expect(readConfiguration([local])).toMatchObject({
      control: { inCluster: true },
      target: { inCluster: true },
      namespace: 'default',
      port: 10258,
      concurrentMachines: 50,
      settings: {
        creationTimeoutMilliseconds: 1_200_000,
        healthTimeoutMilliseconds: 600_000,
        drainTimeoutMilliseconds: 7_200_000,
        maxEvictRetries: 360,
        nodeConditions: ['KernelDeadlock', 'ReadonlyFilesystem', 'DiskPressure', 'NetworkUnavailable'],
        resourceExhaustedRetryMilliseconds: 600_000,
      },
      orphanPeriodMilliseconds: 900_000,
      leaderElection: { leaseDurationSeconds: 15, renewDeadlineSeconds: 10, retryPeriodSeconds: 2 },
      logLevel: 'info',
    })
  })

  it('accepts every flag of the reference', () => {
    expect(readConfiguration([local, ...referenceFlags])).toMatchObject({
      control: { inCluster: true },
      target: { file: '/t' },
      namespace: 'n',
      settings: { nodeConditions: ['A', 'B'] },
      bootstrapTokenExtraGroups: 'system:bootstrappers:x',
    })
  })

  it.each([
    { reason: 'one file for both', args: ['--target-kubeconfig=/t'], control: { file: '/t' }, target: { file: '/t' } },
    { reason: 'control alone', args: ['--control-kubeconfig=/c'], control: { file: '/c' }, target: { file: '/c' } },
    {
      reason: 'two files',
      args: ['--control-kubeconfig', '/c', '--target-kubeconfig', '/t'],
      control: { file: '/c' },
      target: { file: '/t' },
    },
    {
      reason: 'no target',
      args: ['--control-kubeconfig=/c', '--target-kubeconfig=none'],
      control: { file: '/c' },
      target: undefined,
    },
    {
      reason: 'no target, in the cluster',
      args: ['--target-kubeconfig=none'],
      control: { inCluster: true },
      target: undefined,
    },
  ])('$reason', ({ args, control, target }) => {
    expect(readConfiguration([local, ...args])).toMatchObject({ control, target })
  })

  it.each([
    { reason: 'one dash', args: ['-leader-elect=false'] },
    { reason: 'underscores', args: ['--leader_elect=0'] },
  ])('reads flags as Go does: $reason', ({ args }) => {
    expect(readConfiguration([local, ...args]).leaderElection).toBeUndefined()
  })

  it('reads a bare flag as true and does not swallow what follows', () => {
    expect(readConfiguration(['--leader-elect', local, '-v', '4'])).toMatchObject({
      logLevel: 'debug',
      provider: 'local',
    })
  })

  it('reads the addresses of a cloud that speaks the language of another', () => {
    expect(readConfiguration([local]).cloudEndpoints).toEqual({})
    const text = '--cloud-endpoints=ec2=https://ec2.example:5000,iam=http://[::1]:5000/iam'
    expect(readConfiguration([local, text]).cloudEndpoints).toEqual({
      ec2: 'https://ec2.example:5000',
      iam: 'http://[::1]:5000/iam',
    })
  })

  it('runs half of the work under a lease of its own', () => {
    expect(readConfiguration(['--controllers=machineset,machinedeployment'])).toMatchObject({
      provider: undefined,
      leaderElection: { name: 'machine-controller-manager', namespace: 'default' },
    })
    expect(readConfiguration([local, '--controllers=*,-machineset,-machinedeployment'])).toMatchObject({
      leaderElection: { name: 'machine-controller' },
    })
    const named = [local, '--leader-elect-resource-name=mine', '--leader-elect-resource-namespace=there']
    expect(readConfiguration(named).leaderElection).toMatchObject({ name: 'mine', namespace: 'there' })
  })

  it.each([
    { reason: 'all controllers', args: [], port: 10_258 },
    { reason: 'the half with sets', args: ['--controllers=machineset,machinedeployment'], port: 10_258 },
    { reason: 'sets alone', args: ['--controllers=machineset'], port: 10_258 },
    { reason: 'the half with machines', args: ['--controllers=*,-machineset,-machinedeployment'], port: 10_259 },
    { reason: 'whoever is told', args: ['--controllers=*,-machineset,-machinedeployment', '--port=0'], port: 0 },
  ])('listens where the process of the reference does: $reason', ({ args, port }) => {
    expect(readConfiguration([local, ...args]).port).toBe(port)
  })

  it.each([
    { reason: 'no limit unless told', args: [], limit: undefined },
    { reason: 'both', args: ['--kube-api-qps=100', '--kube-api-burst=200'], limit: { perSecond: 100, burst: 200 } },
    { reason: 'a burst that fits', args: ['--kube-api-qps=20'], limit: { perSecond: 20, burst: 30 } },
  ])('limits requests: $reason', ({ args, limit }) => {
    expect(readConfiguration([local, ...args]).requestLimit).toEqual(limit)
  })

  it.each([
    { reason: 'a negative rate', args: [local, '--kube-api-qps=-1'], field: '--kube-api-qps' },
    {
      reason: 'another lock',
      args: [local, '--leader-elect-resource-lock=endpoints'],
      field: '--leader-elect-resource-lock',
    },
    { reason: 'an unknown controller', args: [local, '--controllers=machines'], field: '--controllers' },
    { reason: 'an unknown flag', args: [local, '--colour=red'], field: '--colour' },
    { reason: 'a word', args: [local, 'red'], field: undefined },
    { reason: 'a bad duration', args: [local, '--machine-drain-timeout=2'], field: '--machine-drain-timeout' },
    { reason: 'a bad number', args: [local, '--port=http'], field: '--port' },
    { reason: 'half a machine', args: [local, '--concurrent-syncs=1.5'], field: '--concurrent-syncs' },
    { reason: 'a bad boolean', args: [local, '--leader-elect=maybe'], field: '--leader-elect' },
    { reason: 'no value', args: [local, '--namespace'], field: '--namespace' },
    { reason: 'no provider', args: [], field: '--provider' },
    { reason: 'a cloud whose driver is not here', args: ['--provider=Azure'], field: '--provider' },
    {
      reason: 'an address of no service',
      args: [local, '--cloud-endpoints=https://ec2.example'],
      field: '--cloud-endpoints',
    },
    {
      reason: 'an address that is none',
      args: [local, '--cloud-endpoints=ec2=ec2.example'],
      field: '--cloud-endpoints',
    },
    { reason: 'an unknown provider', args: ['--provider=nimbus'], field: '--provider' },
    {
      reason: 'a lease shorter than its renewal',
      args: [local, '--leader-elect-lease-duration=5s'],
      field: '--leader-elect-renew-deadline',
    },
  ])('refuses $reason and names it', ({ args, field }) => {
    expect(() => readConfiguration(args)).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })

  it('helps with every flag', () => {
    const help = flagHelp(flagTable)
    for (const name of Object.keys(flagTable)) expect(help).toContain(`--${name}`)
  })
})
