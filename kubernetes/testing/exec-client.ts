import { Writable } from 'node:stream'
import { Failure } from '@trellis/foundation/failure'

/** Runs commands in containers, all by one process: what it takes is what API server, kubelet and the ways between them take. */
export interface ExecClient {
  /**
   * Runs a command in the pod's container to its end and resolves with what it wrote to standard output. Throws `Unavailable` with the server's words when it
   * cannot be run, or ends with another code than 0.
   */
  exec(namespace: string, pod: string, container: string, command: readonly string[]): Promise<string>
}

/** A client of the server that the kubeconfig names, speaking Kubernetes' own exec protocol over WebSocket; every command has a connection of its own, as with kubectl. */
export async function createExecClient(kubeconfigFile: string): Promise<ExecClient> {
  const { Exec, KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  config.loadFromFile(kubeconfigFile)
  const executor = new Exec(config)
  return {
    exec: (namespace, pod, container, command) =>
      new Promise((resolve, reject) => {
        const said = { output: '', errors: '' }
        const collect = (name: keyof typeof said) =>
          new Writable({
            write: (bytes: Buffer, _encoding, done) => {
              said[name] += bytes.toString()
              done()
            },
          })
        const fail = (message: string, cause?: unknown) =>
          reject(new Failure('Unavailable', `${command.join(' ')} in ${namespace}/${pod}: ${message}`, { cause }))
        const ended = ({ status, message }: { readonly status?: string; readonly message?: string }): void =>
          status === 'Success' ? resolve(said.output) : fail(`${message} ${said.errors}`)
        executor
          .exec(namespace, pod, container, [...command], collect('output'), collect('errors'), null, false, ended)
          .then(
            (connection) => connection.on('close', () => fail('the connection ended before the command')),
            (cause) => fail('the server refused', cause),
          )
      }),
  }
}
