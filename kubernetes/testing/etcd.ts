import { request } from 'node:http'
import { Failure } from '@trellis/foundation/failure'

/** Compacts an etcd at its present revision, over its JSON gateway on a Unix socket. */
export async function compactEtcd(socketPath: string): Promise<void> {
  const present = (await post(socketPath, '/v3/kv/range', { key: 'AA==' })) as { header?: { revision?: string } }
  await post(socketPath, '/v3/kv/compaction', { revision: present.header?.revision, physical: true })
}

function post(socketPath: string, path: string, body: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path, method: 'POST' }, async (answer) => {
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString()
      if (answer.statusCode === 200) resolve(JSON.parse(text))
      else reject(new Failure('Unavailable', `etcd answered ${path} with ${answer.statusCode}: ${text}`))
    })
    outgoing.once('error', (cause) => reject(new Failure('Unavailable', 'etcd cannot be reached', { cause })))
    outgoing.end(JSON.stringify(body))
  })
}
