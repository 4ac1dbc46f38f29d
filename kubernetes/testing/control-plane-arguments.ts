import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Writes the service account keys and the token file into the directory. */
export async function writeKeys(directory: string, token: string): Promise<void> {
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  await writeFile(join(directory, 'service-account.pub'), keys.publicKey)
  await writeFile(join(directory, 'service-account.key'), keys.privateKey, { mode: 0o600 })
  await writeFile(join(directory, 'tokens.csv'), `${token},admin,admin,system:masters\n`, { mode: 0o600 })
}

/** Flags of etcd. Sockets in the test's directory instead of ports: nobody else can take them. */
export function etcdArguments(directory: string): readonly string[] {
  const clients = `unix://${join(directory, 'etcd.sock')}`
  const peers = `unix://${join(directory, 'etcd-peer.sock')}`
  return [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]
}

/** Flags of kube-apiserver. */
export function apiServerArguments(directory: string, port: number): readonly string[] {
  return [
    `--etcd-servers=unix://${join(directory, 'etcd.sock')}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${join(directory, 'serving')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(directory, 'service-account.pub')}`,
    `--service-account-signing-key-file=${join(directory, 'service-account.key')}`,
    `--token-auth-file=${join(directory, 'tokens.csv')}`,
    '--authorization-mode=Node,RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
  ]
}

/** Flags of kube-controller-manager. */
export function managerArguments(directory: string, kubeconfig: string, without: readonly string[]): readonly string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    '--secure-port=0',
    '--leader-elect=false',
    '--use-service-account-credentials=false',
    `--service-account-private-key-file=${join(directory, 'service-account.key')}`,
    `--controllers=${['*', ...['nodeipam', ...without].map((name) => `-${name}`)].join(',')}`,
  ]
}

/** The kubeconfig of a bearer token. */
export function kubeconfigText(server: string, certificateAuthority: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    clusters: [
      {
        name: 'test',
        cluster: { server, 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') },
      },
    ],
    users: [{ name: 'admin', user: { token } }],
  })
}
