import { X509Certificate } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type CertificateMaker, expiresAt, type KeyPair } from '@trellis/certificates/authority'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { kubeconfigText } from '../kubeconfig-text.ts'
import type { Blueprint } from '../shoot/blueprint.ts'
import { replicaName, upTo } from '../shoot/tunnel-ports.ts'
import { makeBootstrapTokenKey, makeServiceAccountKey } from './keys.ts'
import { digestOf, openSecretStore, type SecretData, type SecretStore } from './secret-store.ts'
import { type TunnelFilesInputs, tunnelSeedSecret, tunnelShootSecret } from './tunnel-files.ts'
import { generationsIn, hasTunnelKeys, makeTunnelKeys, planGenerations } from './tunnel-generations.ts'
import { type AuthorityName, wantedAuthorities, wantedCertificates, wantedKubeconfigs } from './wanted.ts'

/** What making secrets needs. */
export interface SecretsPorts {
  readonly clock: Clock
  readonly random: Random
  readonly seed: Client
  readonly certificates: CertificateMaker
  /** Whether the certificates of http-connect are wanted too. */
  readonly httpConnect: boolean
  /** Where the tunnels of all shoots are dialled; undefined when each shoot has a load balancer for its own. */
  readonly tunnelDoor?: string | undefined
}

/** What later steps need to know of the secrets. Nothing in it is secret. */
export interface SecretsSummary {
  /** Changes whenever any secret of the control plane changes. */
  readonly checksum: string
  /** PEM of the authority by which the API server proves itself. */
  readonly certificateAuthority: string
}

/** A certificate is replaced when less than this is left of its life. */
const renewalMilliseconds = 90 * 24 * 60 * 60 * 1000

/**
 * Makes every secret of a control namespace that is missing, does not fit any more or is about to expire, and keeps the others, so that
 * repeating it changes nothing.
 */
export async function ensureSecrets(
  ports: SecretsPorts,
  blueprint: Blueprint,
  frontDoor: string,
): Promise<SecretsSummary> {
  const store = await openSecretStore(ports.seed, blueprint.technicalId)
  const authorities = await ensureAuthorities(ports, store, blueprint)
  const authority = (name: AuthorityName) => keyPairOf(authorities.get(name) ?? {}, 'ca')
  const issued = new Map<string, SecretData>()
  for (const wanted of wantedCertificates(blueprint, frontDoor, ports.httpConnect)) {
    const issuer = authority(wanted.authority)
    const data = await store.ensure({
      name: wanted.secret,
      followed: wanted.followed,
      purpose: { request: wanted.request, issuer: issuer.certificate },
      usable: (data) => isUsableCertificate(ports.clock, keyPairOf(data, 'tls')),
      make: async () => secretOf(await ports.certificates.issue(issuer, wanted.request), 'tls'),
    })
    issued.set(wanted.secret, data)
  }
  for (const wanted of wantedKubeconfigs(frontDoor)) {
    const issuer = authority('ca-client')
    const certificateAuthority = authority('ca').certificate
    await store.ensure({
      name: wanted.secret,
      purpose: { ...wanted, issuer: issuer.certificate, certificateAuthority },
      usable: (data) => isUsableCertificate(ports.clock, keyPairOf(data, 'tls')),
      make: async () => {
        const client = await ports.certificates.issue(issuer, wanted.request)
        const { server } = wanted
        const text = kubeconfigText({ name: blueprint.technicalId, server, certificateAuthority, client })
        return { ...secretOf(client, 'tls'), kubeconfig: text }
      },
    })
  }
  await ensureKeys(ports, store)
  await ensureTunnel(ports, store, {
    ...{ blueprint, frontDoor, tunnelDoor: ports.tunnelDoor },
    authority: authority('ca-vpn').certificate,
    serverCertificate: issued.get('vpn-relay-server') ?? {},
    clientCertificate: issued.get('vpn-relay-client') ?? {},
  })
  return { checksum: store.checksum(), certificateAuthority: authority('ca').certificate }
}

async function ensureAuthorities(
  { clock, certificates, httpConnect }: SecretsPorts,
  store: SecretStore,
  { technicalId }: Blueprint,
): Promise<ReadonlyMap<AuthorityName, SecretData>> {
  const made = new Map<AuthorityName, SecretData>()
  for (const name of wantedAuthorities(httpConnect)) {
    const data = await store.ensure({
      name,
      purpose: { authority: name },
      usable: (present) => isUsableCertificate(clock, keyPairOf(present, 'ca')),
      make: async () => secretOf(await certificates.createAuthority(`${technicalId}:${name}`), 'ca'),
    })
    made.set(name, data)
  }
  return made
}

async function ensureKeys({ random }: SecretsPorts, store: SecretStore): Promise<void> {
  await store.ensure({ name: 'service-account-key', purpose: 'ES256', make: makeServiceAccountKey })
  await store.ensure({ name: 'bootstrap-token-key', purpose: 1, make: () => makeBootstrapTokenKey(random) })
}

/** Keys of the tunnel, which change in time, and what both ends read. They follow changes, so no pod is replaced for one. */
async function ensureTunnel(
  { clock, random }: SecretsPorts,
  store: SecretStore,
  inputs: Omit<TunnelFilesInputs, 'keys' | 'generations'>,
): Promise<void> {
  const followed = true
  let present: SecretData = {}
  const { apiServerReplicas } = inputs.blueprint
  const wanted = () => ({ generations: planGenerations(generationsIn(present), clock.now()), apiServerReplicas })
  const keys = await store.ensure({
    ...{ name: 'vpn-keys', purpose: 2, followed },
    usable: (data) => {
      present = data
      return isDeepStrictEqual(wanted().generations, generationsIn(data)) && hasTunnelKeys(data, wanted())
    },
    make: () => makeTunnelKeys(random, wanted(), present),
  })
  const files = { ...inputs, keys, generations: generationsIn(keys) }
  for (const replica of upTo(apiServerReplicas)) {
    const seed = tunnelSeedSecret(files, replica)
    await store.ensure({ name: replicaName('vpn-seed', replica), purpose: digestOf(seed), followed, make: () => seed })
  }
  const shoot = tunnelShootSecret(files)
  await store.ensure({ name: 'vpn-shoot', purpose: digestOf(shoot), followed, make: () => shoot })
}

function keyPairOf(data: SecretData, prefix: 'ca' | 'tls'): KeyPair {
  return { certificate: data[`${prefix}.crt`] ?? '', privateKey: data[`${prefix}.key`] ?? '' }
}

function secretOf({ certificate, privateKey }: KeyPair, prefix: 'ca' | 'tls'): SecretData {
  return { [`${prefix}.crt`]: certificate, [`${prefix}.key`]: privateKey }
}

/** Whether a certificate can be read, has its key, and lives long enough. */
function isUsableCertificate(clock: Clock, { certificate, privateKey }: KeyPair): boolean {
  try {
    new X509Certificate(certificate)
    return privateKey !== '' && expiresAt(certificate) > clock.now() + renewalMilliseconds
  } catch {
    return false
  }
}
