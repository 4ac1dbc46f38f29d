import { parseArgs } from 'node:util'
import { parseCidr } from '@trellis/api/cidr'
import { type CloudEndpoints, parseCloudEndpoints } from '@trellis/cloudprovider/contract/cloud-endpoints'
import { Failure } from '@trellis/foundation/failure'
import { type CloudName, cloudNames, neededFlags } from './clouds.ts'

/** Controllers that can be switched on. */
export const controllerNames = ['service', 'route'] as const
export type ControllerName = (typeof controllerNames)[number]

/** Levels of the log. */
const logLevels = ['debug', 'info', 'warn', 'error'] as const

/** What the process was told. */
export interface Configuration {
  /** The pod's own cluster when absent. */
  readonly kubeconfig: string | undefined
  readonly cloudProvider: CloudName
  /** Directory with the keys of the Secret `cloud-credentials` as files. */
  readonly cloudCredentials: string
  /** Addresses in place of the cloud's own, by service. */
  readonly cloudEndpoints: CloudEndpoints
  readonly clusterName: string
  /** Name of the cluster's network at the cloud; empty where the cloud needs none. */
  readonly network: string
  /** Region of the cloud; empty where the cloud needs none. */
  readonly region: string
  /** Who makes load balancers, where the cloud has several makers; its usual one when empty. */
  readonly loadBalancerProvider: string
  readonly controllers: readonly ControllerName[]
  readonly clusterCidr: string | undefined
  readonly host: string
  readonly port: number
  readonly logLevel: (typeof logLevels)[number]
}

/** Reads flags; throws `Invalid` that names the first wrong one. */
export function parseConfiguration(commandLine: readonly string[]): Configuration {
  const flags = parseFlags(commandLine)
  const cloudProvider = oneOf('cloud-provider', flags['cloud-provider'] ?? 'local', cloudNames)
  const needed = neededFlags(cloudProvider)
  const ifNeeded = (flag: 'network' | 'region') =>
    needed.includes(flag) ? required(flag, flags[flag]) : (flags[flag] ?? '')
  const controllers = (flags.controllers ?? controllerNames.join(',')).split(',').map((name) => name.trim())
  return {
    kubeconfig: flags.kubeconfig,
    cloudProvider,
    cloudCredentials: required('cloud-credentials', flags['cloud-credentials']),
    cloudEndpoints: parseCloudEndpoints(flags['cloud-endpoints'] ?? ''),
    clusterName: required('cluster-name', flags['cluster-name']),
    network: ifNeeded('network'),
    region: ifNeeded('region'),
    loadBalancerProvider: flags['load-balancer-provider'] ?? '',
    controllers: controllers.map((name) => oneOf('controllers', name, controllerNames)),
    clusterCidr: parseRange('cluster-cidr', flags['cluster-cidr']),
    host: flags['bind-address'] ?? '0.0.0.0',
    port: parsePort('port', flags.port ?? '10258'),
    logLevel: oneOf('log-level', flags['log-level'] ?? 'info', logLevels),
  }
}

function parseFlags(commandLine: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...commandLine],
      strict: true,
      options: {
        kubeconfig: text,
        'cloud-provider': text,
        'cloud-credentials': text,
        'cloud-endpoints': text,
        'cluster-name': text,
        network: text,
        region: text,
        'load-balancer-provider': text,
        controllers: text,
        'cluster-cidr': text,
        'bind-address': text,
        port: text,
        'log-level': text,
      },
    }).values
  } catch (error) {
    throw new Failure('Invalid', error instanceof Error ? error.message : 'the flags cannot be read', { cause: error })
  }
}

function required(flag: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value
  throw new Failure('Invalid', 'is required', { field: `--${flag}` })
}

function oneOf<Word extends string>(flag: string, value: string, words: readonly Word[]): Word {
  const word = words.find((one) => one === value)
  if (word !== undefined) return word
  throw new Failure('Invalid', `there is no ${value}`, { field: `--${flag}`, remedy: `choose of ${words.join(', ')}` })
}

function parsePort(flag: string, value: string): number {
  const port = Number(value)
  if (/^\d+$/.test(value) && port <= 65535) return port
  throw new Failure('Invalid', `${value} is no port`, { field: `--${flag}` })
}

function parseRange(flag: string, value: string | undefined): string | undefined {
  if (value === undefined || parseCidr(value) !== undefined) return value
  throw new Failure('Invalid', `${value} is no IPv4 range`, { field: `--${flag}` })
}
