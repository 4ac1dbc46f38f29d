import type { Clock } from '@trellis/foundation/clock'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import type { ExecPlugin, Kubeconfig } from './kubeconfig.ts'

/** What a credential plugin said. */
export interface PluginCredential {
  readonly token?: string | undefined
  readonly clientCertificate?: string | undefined
  readonly clientKey?: string | undefined
}

/** A credential plugin whose answer is kept until it expires; callers at the same time share one run. */
export interface ExecCredentials {
  current(): Promise<PluginCredential>
  forget(): void
}

/** An answer is renewed this long before it expires, so that no request travels with a stale one. */
const marginMilliseconds = 10_000

interface Answer extends PluginCredential {
  readonly expires: number
}

/** Runs the plugin of a kubeconfig. Throws `Unauthorized` when it gives no usable credential. */
export function createExecCredentials(
  clock: Clock,
  plugin: ExecPlugin,
  kubeconfig: Kubeconfig,
  runner: CommandRunner,
): ExecCredentials {
  let answer: Promise<Answer> | undefined
  const ask = async (): Promise<Answer> => {
    const environment = { ...plugin.environment, KUBERNETES_EXEC_INFO: execInfo(plugin, kubeconfig) }
    try {
      return answerOf(await runOrThrow(runner, plugin.command, plugin.args, { environment }))
    } catch (error) {
      answer = undefined
      throw new Failure('Unauthorized', `the credential plugin ${plugin.command} gave no credential`, {
        cause: error,
        remedy: plugin.installHint ?? 'run it by hand to see why',
      })
    }
  }
  return {
    current: async () => {
      if (answer !== undefined && (await answer).expires - marginMilliseconds <= clock.now()) answer = undefined
      answer ??= ask()
      return answer
    },
    forget: () => {
      answer = undefined
    },
  }
}

function execInfo(plugin: ExecPlugin, kubeconfig: Kubeconfig): string {
  const authority = kubeconfig.certificateAuthority
  const cluster = {
    server: kubeconfig.server,
    'insecure-skip-tls-verify': kubeconfig.skipTlsVerify,
    ...(authority !== undefined && 'text' in authority
      ? { 'certificate-authority-data': Buffer.from(authority.text).toString('base64') }
      : {}),
  }
  return JSON.stringify({
    apiVersion: plugin.apiVersion,
    kind: 'ExecCredential',
    spec: { interactive: false, ...(plugin.provideClusterInfo ? { cluster } : {}) },
  })
}

function answerOf(output: string): Answer {
  const status = (JSON.parse(output) as { status?: Record<string, unknown> } | null)?.status ?? {}
  const text = (name: string) => (typeof status[name] === 'string' ? status[name] : undefined)
  const token = text('token')
  const clientCertificate = text('clientCertificateData')
  const clientKey = text('clientKeyData')
  if (token === undefined && (clientCertificate === undefined || clientKey === undefined)) {
    throw new Failure('Invalid', 'has neither a token nor a client certificate with its key', { field: 'status' })
  }
  const expiry = Date.parse(text('expirationTimestamp') ?? '')
  return { token, clientCertificate, clientKey, expires: Number.isNaN(expiry) ? Number.POSITIVE_INFINITY : expiry }
}
