import 'reflect-metadata'
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto'
import {
  cryptoProvider,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509'
import { Failure } from '@trellis/foundation/failure'

/** What somebody asks a certificate for. */
export interface AskedCertificate {
  /** Every common name in the subject; an honest request has one. */
  readonly commonNames: readonly string[]
  readonly organizations: readonly string[]
  /** Parts of the subject that are neither common name nor organization. */
  readonly otherSubjectParts: readonly string[]
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
  /** Alternative names that are neither DNS names nor addresses. */
  readonly otherNames: readonly string[]
}

/** Reads a PEM certificate request whose signature proves that the asker has the key. Throws `Invalid` for anything else. */
export async function parseCertificateRequest(pem: string): Promise<AskedCertificate> {
  cryptoProvider.set(webcrypto as unknown as Crypto)
  const request = await readVerified(pem)
  const subject = request.subjectName.toJSON().flatMap((part) => Object.entries(part))
  const subjectValues = (kind: string) => subject.filter(([name]) => name === kind).flatMap(([, values]) => values)
  const names = request.extensions
    .filter((extension) => extension instanceof SubjectAlternativeNameExtension)
    .flatMap((extension) => extension.names.items)
  const namesOf = (type: string) => names.filter((name) => name.type === type).map((name) => name.value)
  return {
    commonNames: subjectValues('CN'),
    organizations: subjectValues('O'),
    otherSubjectParts: subject.filter(([name]) => name !== 'CN' && name !== 'O').map(([name]) => name),
    dnsNames: namesOf('dns'),
    ipAddresses: namesOf('ip'),
    otherNames: names.filter((name) => name.type !== 'dns' && name.type !== 'ip').map((name) => name.value),
  }
}

async function readVerified(pem: string): Promise<Pkcs10CertificateRequest> {
  try {
    const request = new Pkcs10CertificateRequest(pem)
    if (await request.verify()) return request
  } catch (error) {
    throw new Failure('Invalid', 'this is no certificate request', { cause: error })
  }
  throw new Failure('Invalid', 'the certificate request is not signed by its own key')
}

/** What {@link createCertificateRequest} asks for. */
export interface CertificateRequestParts {
  readonly commonName: string
  readonly organizations?: readonly string[]
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
  /** PKCS #8 PEM of an ECDSA P-256 key; a new one that is thrown away when absent, for tests of whoever answers requests. */
  readonly privateKey?: string
}

/** A PEM certificate request, signed with the key that it is for. */
export async function createCertificateRequest(parts: CertificateRequestParts): Promise<string> {
  cryptoProvider.set(webcrypto as unknown as Crypto)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await (parts.privateKey === undefined
    ? webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
    : importKeyPair(parts.privateKey, algorithm))
  const names = [
    ...(parts.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(parts.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ]
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [...(parts.organizations ?? []).map((one) => ({ O: [one] })), { CN: [parts.commonName] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : [],
  })
  return `${request.toString('pem')}\n`
}

async function importKeyPair(pem: string, algorithm: webcrypto.EcKeyImportParams): Promise<webcrypto.CryptoKeyPair> {
  const privateKey = createPrivateKey(pem)
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  }
}
