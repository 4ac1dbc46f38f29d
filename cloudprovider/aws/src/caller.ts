import type { CallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import type { CallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { type AwsCredentials, accountOf } from './credentials.ts'
import { foldFault } from './failures.ts'

/** Services of AWS that are called, as its own addresses name them. */
export const awsServices = ['ec2', 'iam', 'elasticloadbalancing', 'sts'] as const

/** One service of AWS. */
export type AwsService = (typeof awsServices)[number]

/** URLs in place of the regions' own, by service; a service that is not named keeps its own. */
export type AwsEndpoints = Readonly<Partial<Record<AwsService, string>>>

/** How AWS is reached. */
export interface AwsConnectionOptions {
  readonly clock: Clock
  readonly region: string
  readonly credentials: AwsCredentials
  readonly budgets: CallBudgets
  readonly metrics: CallMetrics
  readonly endpoints: AwsEndpoints
}

/** How calls are rationed at AWS: those that make servers apart from those that change and those that only read. */
export type CallSort = 'run' | 'change' | 'read'

/** One client of the SDK with what it can send. */
export interface SdkConnection<Client, Sdk> {
  readonly client: Client
  readonly sdk: Sdk
}

/** How the SDK is told that a call is to end. */
export interface SendOptions {
  readonly abortSignal: AbortSignal
}

/** Makes calls of one service. */
export interface AwsCaller<Client, Sdk> extends Disposable {
  /** One request: rationed, counted, ended after a minute. Every fault is a `Failure`, or the signal's reason. */
  call<Answer>(
    api: string,
    sort: CallSort,
    send: (connection: SdkConnection<Client, Sdk>, options: SendOptions) => Promise<Answer>,
    signal?: AbortSignal,
  ): Promise<Answer>
}

/** Longest that one request may take. */
const callMilliseconds = 60_000

/** A caller of the service that `open` connects to; the SDK is loaded with the first call. */
export function createCaller<Client extends { destroy(): void }, Sdk>(
  options: AwsConnectionOptions,
  open: () => Promise<SdkConnection<Client, Sdk>>,
): AwsCaller<Client, Sdk> {
  const { clock, budgets, metrics, region, credentials } = options
  let opened: Promise<SdkConnection<Client, Sdk>> | undefined
  return {
    call: (api, sort, send, signal) =>
      budgets.of(`${accountOf(credentials)}/${region}/${sort}`).spend(async () => {
        opened ??= open()
        const connection = await opened
        metrics.called(api)
        using limit = createLimit(clock, signal)
        try {
          return await send(connection, { abortSignal: limit.signal })
        } catch (error) {
          signal?.throwIfAborted()
          if (limit.isOver())
            throw new Failure('Timeout', `AWS did not answer ${api} within a minute`, { cause: error })
          throw foldFault(api, error)
        }
      }, signal),
    [Symbol.dispose]: () => void opened?.then(({ client }) => client.destroy()),
  }
}

function createLimit(clock: Clock, signal: AbortSignal | undefined) {
  const limit = new AbortController()
  const timer = clock.setTimer(callMilliseconds, () => limit.abort(), { unref: true })
  return {
    signal: signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]),
    isOver: () => limit.signal.aborted,
    [Symbol.dispose]: () => timer.cancel(),
  }
}

/** What the SDK's client of a service is set up with: one try per call, since retrying is the driver's decorators' business. */
export async function clientConfiguration(
  { region, credentials, endpoints }: AwsConnectionOptions,
  service: Exclude<AwsService, 'sts'>,
) {
  const connection = { region, maxAttempts: 1, requestHandler: { connectionTimeout: 10_000 } }
  const at = (one: AwsService) => ({ ...connection, ...(endpoints[one] ? { endpoint: endpoints[one] } : {}) })
  return { ...at(service), credentials: await credentialsOf(credentials, at('sts')) }
}

/** Credentials for the SDK, which renews those of a role by itself. */
async function credentialsOf(credentials: AwsCredentials, clientConfig: { region: string; endpoint?: string }) {
  if (credentials.kind === 'keys') {
    const { accessKeyId, secretAccessKey } = credentials
    return { accessKeyId, secretAccessKey }
  }
  const { fromTokenFile } = await import('@aws-sdk/credential-provider-web-identity')
  const { tokenFile, roleArn } = credentials
  return fromTokenFile({ webIdentityTokenFile: tokenFile, roleArn, roleSessionName: 'trellis', clientConfig })
}
