import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'

/** A certificate and its private key, both PEM: `CERTIFICATE` and PKCS #8 `PRIVATE KEY` (ECDSA P-256). */
export interface KeyPair {
  readonly certificate: string
  readonly privateKey: string
}

/** Whom a certificate speaks for and where it may be used. */
export interface CertificateRequest {
  /** Kubernetes reads it as the user name. */
  readonly commonName: string
  /** Kubernetes reads them as the user's groups. */
  readonly organizations?: readonly string[]
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
  readonly usages: readonly ('server' | 'client')[]
  /** Days until it expires; 365 unless told. */
  readonly validityDays?: number
}

/** Makes certificate authorities and the certificates they sign. */
export interface CertificateMaker {
  /** A new self-signed authority that may sign leaf certificates only. Ten years unless told. */
  createAuthority(commonName: string, validityDays?: number): Promise<KeyPair>
  /** A new key pair whose certificate `authority` has signed. */
  issue(authority: KeyPair, request: CertificateRequest): Promise<KeyPair>
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }
const dayMilliseconds = 24 * 60 * 60 * 1000
/** Certificates begin a little in the past, because the clocks of the machines that check them differ. */
const clockSkewMilliseconds = 10 * 60 * 1000

/** Makes certificates with the runtime's own cryptography; serial numbers come from `random`. */
export function createCertificateMaker(ports: { readonly clock: Clock; readonly random: Random }): CertificateMaker {
  cryptoProvider.set(webcrypto as unknown as Crypto)
  return {
    createAuthority: (commonName, validityDays = 3650) => createAuthority(ports, commonName, validityDays),
    issue: (authority, request) => issue(ports, authority, request),
  }
}

/** The instant at which a PEM certificate expires, in milliseconds since the Unix epoch. */
export function expiresAt(certificate: string): number {
  return new X509Certificate(certificate).notAfter.getTime()
}

interface Ports {
  readonly clock: Clock
  readonly random: Random
}

async function createAuthority(ports: Ports, commonName: string, validityDays: number): Promise<KeyPair> {
  const keys = await generateKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(ports.clock, validityDays),
    serialNumber: serialNumber(ports.random),
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: pem(certificate), privateKey: await exportPrivateKey(keys.privateKey) }
}

async function issue(ports: Ports, authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const keys = await generateKeys()
  const issuer = new X509Certificate(authority.certificate)
  const certificate = await X509CertificateGenerator.create({
    ...validity(ports.clock, request.validityDays ?? 365),
    serialNumber: serialNumber(ports.random),
    subject: [
      ...(request.organizations ?? []).map((organization) => ({ O: [organization] })),
      { CN: [request.commonName] },
    ],
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await importPrivateKey(authority.privateKey),
    signingAlgorithm,
    extensions: await leafExtensions(keys.publicKey, issuer, request),
  })
  return { certificate: pem(certificate), privateKey: await exportPrivateKey(keys.privateKey) }
}

async function leafExtensions(
  publicKey: CryptoKey,
  issuer: X509Certificate,
  request: CertificateRequest,
): Promise<Extension[]> {
  const usages = { server: ExtendedKeyUsage.serverAuth, client: ExtendedKeyUsage.clientAuth }
  const names: JsonGeneralName[] = [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ]
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(request.usages.map((usage) => usages[usage])),
    await AuthorityKeyIdentifierExtension.create(issuer),
    await SubjectKeyIdentifierExtension.create(publicKey),
    ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
  ]
}

function validity(clock: Clock, days: number): { notBefore: Date; notAfter: Date } {
  const now = clock.now()
  return { notBefore: new Date(now - clockSkewMilliseconds), notAfter: new Date(now + days * dayMilliseconds) }
}

/** Sixteen random bytes, positive and without a leading zero, as X.509 wants serial numbers. */
function serialNumber(random: Random): string {
  const bytes = random.bytes(16)
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0)
  return bytes.toString('hex')
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>
}

async function exportPrivateKey(key: CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

async function importPrivateKey(privateKey: string): Promise<CryptoKey> {
  const raw = PemConverter.decodeFirst(privateKey)
  return await webcrypto.subtle.importKey('pkcs8', raw, keyAlgorithm, false, ['sign'])
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}
