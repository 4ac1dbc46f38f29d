import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { createCertificateMaker, expiresAt } from './authority.ts'

const clock = createSystemClock()
const maker = createCertificateMaker({ clock, random: createSystemRandom() })

describe('createCertificateMaker', () => {
  it('makes an authority that OpenSSL takes for one', async () => {
    const authority = await maker.createAuthority('garden')
    const certificate = new X509Certificate(authority.certificate)
    expect(certificate.ca).toBe(true)
    expect(certificate.subject).toBe('CN=garden')
    expect(certificate.checkPrivateKey(createPrivateKey(authority.privateKey))).toBe(true)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
  })

  it('issues a server certificate for names and addresses', async () => {
    const authority = await maker.createAuthority('garden')
    const issued = await maker.issue(authority, {
      commonName: 'kube-apiserver',
      dnsNames: ['kubernetes.default.svc'],
      ipAddresses: ['198.18.0.10', 'fd00::1'],
      usages: ['server'],
    })
    const certificate = new X509Certificate(issued.certificate)
    expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true)
    expect(certificate.checkIssued(new X509Certificate(authority.certificate))).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(certificate.checkHost('kubernetes.default.svc')).toBe('kubernetes.default.svc')
    expect(certificate.checkIP('198.18.0.10')).toBe('198.18.0.10')
    expect(certificate.checkIP('fd00::1')).toBe('fd00::1')
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
  })

  it('writes user and groups where Kubernetes reads them', async () => {
    const authority = await maker.createAuthority('client')
    const issued = await maker.issue(authority, {
      commonName: 'admin',
      organizations: ['system:masters', 'operators'],
      usages: ['client'],
    })
    const certificate = new X509Certificate(issued.certificate)
    expect(certificate.subject.split('\n')).toEqual(['O=system:masters', 'O=operators', 'CN=admin'])
    expect(certificate.subjectAltName).toBeUndefined()
  })

  it('keeps the validity it was asked for', async () => {
    const authority = await maker.createAuthority('short', 2)
    const days = (expiresAt(authority.certificate) - clock.now()) / 86_400_000
    expect(days).toBeGreaterThan(1.99)
    expect(days).toBeLessThan(2.01)
  })

  it('gives each certificate a serial number of its own', async () => {
    const authority = await maker.createAuthority('serial')
    const request = { commonName: 'a', usages: ['client' as const] }
    const [first, second] = await Promise.all([maker.issue(authority, request), maker.issue(authority, request)])
    expect(new X509Certificate(first.certificate).serialNumber).not.toBe(
      new X509Certificate(second.certificate).serialNumber,
    )
  })
})
