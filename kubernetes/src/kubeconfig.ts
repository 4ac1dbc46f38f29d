import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { type Fields, fieldsOf } from './kubeconfig-fields.ts'

/** A text that stands in the kubeconfig, or in a file that is read again as it rotates. */
export type TextSource = { readonly text: string } | { readonly file: string }

/** A program that prints credentials, as `client.authentication.k8s.io` defines it. */
export interface ExecPlugin {
  readonly apiVersion: string
  readonly command: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly installHint?: string
  readonly provideClusterInfo: boolean
}

/** How a client proves who it is. */
export interface UserCredentials {
  readonly clientCertificate?: TextSource
  readonly clientKey?: TextSource
  readonly token?: TextSource
  readonly basic?: { readonly username: string; readonly password: string }
  readonly exec?: ExecPlugin
  /** Names to act as, in place of one's own. */
  readonly impersonate?: { readonly user: string; readonly groups: readonly string[] }
}

/** One API server and how to reach it: one context of a kubeconfig, or a pod's own cluster. */
export interface Kubeconfig {
  readonly server: string
  readonly certificateAuthority?: TextSource
  readonly skipTlsVerify: boolean
  readonly tlsServerName?: string
  /** Namespace of the context, for callers that have none of their own. */
  readonly namespace?: string
  readonly user: UserCredentials
}

/** Where a kubeconfig comes from. The current context is taken unless `context` names another. */
export type KubeconfigSource =
  | { readonly file: string; readonly context?: string }
  | { readonly text: string; readonly context?: string }
  | { readonly inCluster: true; readonly directory?: string }

const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Reads a kubeconfig. Throws `NotFound` when the file does not exist and `Invalid`, naming the field, when it cannot be used.
 * In a cluster, the service account's token and CA are read again as they rotate.
 */
export async function loadKubeconfig(source: KubeconfigSource): Promise<Kubeconfig> {
  if ('inCluster' in source) return inClusterKubeconfig(source.directory ?? serviceAccountDirectory, process.env)
  if ('text' in source) return kubeconfigOf(await parseText(source.text), undefined, source.context)
  const text = await readKubeconfigFile(source.file)
  return kubeconfigOf(await parseText(text), dirname(source.file), source.context)
}

/** The kubeconfig of a pod, from what the kubelet gives each pod. */
export async function inClusterKubeconfig(
  directory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Kubeconfig> {
  const host = environment.KUBERNETES_SERVICE_HOST
  const port = environment.KUBERNETES_SERVICE_PORT
  if (host === undefined || host === '' || port === undefined || port === '') {
    throw new Failure('Invalid', 'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set', {
      remedy: 'run this in a pod, or name a kubeconfig',
    })
  }
  const namespace = await readFile(join(directory, 'namespace'), 'utf8').catch(() => undefined)
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    certificateAuthority: { file: join(directory, 'ca.crt') },
    skipTlsVerify: false,
    ...(namespace === undefined ? {} : { namespace: namespace.trim() }),
    user: { token: { file: join(directory, 'token') } },
  }
}

async function readKubeconfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new Failure(missing ? 'NotFound' : 'Invalid', `the kubeconfig ${file} cannot be read`, { cause: error })
  }
}

/** JSON is tried first, so that a process whose kubeconfig is JSON never loads the YAML parser. */
async function parseText(text: string): Promise<unknown> {
  if (text.trimStart().startsWith('{')) {
    try {
      return JSON.parse(text)
    } catch {
      // YAML in flow style also begins with a brace.
    }
  }
  const { parse } = await import('yaml')
  try {
    return parse(text)
  } catch (error) {
    throw new Failure('Invalid', 'the kubeconfig is neither JSON nor YAML', { cause: error })
  }
}

/** Picks a context out of a parsed kubeconfig; relative file names count from `directory`. */
export function kubeconfigOf(value: unknown, directory: string | undefined, contextName?: string): Kubeconfig {
  const root = fieldsOf(value, '')
  const wanted = contextName ?? root.text('current-context')
  if (wanted === undefined || wanted === '') {
    throw new Failure('Invalid', 'the kubeconfig has no current context', {
      field: 'current-context',
      remedy: 'set it, or name a context',
    })
  }
  const context = root.entry('contexts', wanted).object('context')
  const cluster = root.entry('clusters', context.required('cluster')).object('cluster')
  const userName = context.text('user')
  const namespace = context.text('namespace')
  const locate = (file: string) => (directory === undefined || isAbsolute(file) ? file : join(directory, file))
  return {
    ...clusterOf(cluster, locate),
    ...(namespace === undefined ? {} : { namespace }),
    user: userName === undefined || userName === '' ? {} : userOf(root.entry('users', userName).object('user'), locate),
  }
}

type Locate = (file: string) => string

function clusterOf(cluster: Fields, locate: Locate): Omit<Kubeconfig, 'user'> {
  const server = cluster.required('server')
  if (!/^https?:\/\/[^/]/.test(server) || !URL.canParse(server)) {
    throw new Failure('Invalid', `${server} is not an http or https URL`, { field: cluster.path('server') })
  }
  const proxy = cluster.text('proxy-url')
  if (proxy !== undefined && proxy !== '') {
    throw new Failure('Invalid', 'proxies are not supported', {
      field: cluster.path('proxy-url'),
      remedy: 'reach the API server directly, or through a port forward',
    })
  }
  const certificateAuthority = source(cluster, 'certificate-authority', locate)
  const tlsServerName = cluster.text('tls-server-name')
  return {
    server: server.replace(/\/+$/, ''),
    skipTlsVerify: cluster.flag('insecure-skip-tls-verify'),
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
  }
}

function userOf(user: Fields, locate: Locate): UserCredentials {
  if (user.has('auth-provider')) {
    throw new Failure('Invalid', 'auth providers were removed from Kubernetes', {
      field: user.path('auth-provider'),
      remedy: 'use an exec plugin',
    })
  }
  const certificate = source(user, 'client-certificate', locate)
  const key = source(user, 'client-key', locate)
  if ((certificate === undefined) !== (key === undefined)) {
    throw new Failure('Invalid', 'a client certificate needs its key, and a key its certificate', {
      field: user.path(certificate === undefined ? 'client-certificate' : 'client-key'),
    })
  }
  return {
    ...(certificate === undefined || key === undefined ? {} : { clientCertificate: certificate, clientKey: key }),
    ...tokenOf(user, locate),
    ...basicOf(user),
    ...(user.has('exec') ? { exec: execOf(user.object('exec')) } : {}),
    ...impersonationOf(user),
  }
}

function tokenOf(user: Fields, locate: Locate): Pick<UserCredentials, 'token'> {
  const file = user.text('tokenFile')
  if (file !== undefined && file !== '') return { token: { file: locate(file) } }
  const text = user.text('token')
  return text === undefined || text === '' ? {} : { token: { text } }
}

function basicOf(user: Fields): Pick<UserCredentials, 'basic'> {
  const username = user.text('username')
  return username === undefined ? {} : { basic: { username, password: user.required('password') } }
}

function impersonationOf(user: Fields): Pick<UserCredentials, 'impersonate'> {
  const name = user.text('as')
  return name === undefined ? {} : { impersonate: { user: name, groups: user.texts('as-groups') } }
}

function execOf(exec: Fields): ExecPlugin {
  const installHint = exec.text('installHint')
  return {
    apiVersion: exec.required('apiVersion'),
    command: exec.required('command'),
    args: exec.texts('args'),
    environment: Object.fromEntries(
      exec.objects('env').map((variable) => [variable.required('name'), variable.text('value') ?? '']),
    ),
    provideClusterInfo: exec.flag('provideClusterInfo'),
    ...(installHint === undefined ? {} : { installHint }),
  }
}

/** `NAME-data` (base64) wins over `NAME` (a file), as in client-go. */
function source(fields: Fields, name: string, locate: Locate): TextSource | undefined {
  const data = fields.text(`${name}-data`)
  if (data !== undefined && data !== '') return { text: Buffer.from(data, 'base64').toString() }
  const file = fields.text(name)
  return file === undefined || file === '' ? undefined : { file: locate(file) }
}
