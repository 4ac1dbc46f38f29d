import { describe, expect, it } from 'vitest'
import { createCertificateRequest, parseCertificateRequest } from './certificate-request.ts'

describe('parseCertificateRequest', () => {
  it('reads subject and names', async () => {
    const pem = await createCertificateRequest({
      commonName: 'system:node:a',
      organizations: ['system:nodes'],
      dnsNames: ['a'],
      ipAddresses: ['10.250.0.2'],
    })
    expect(await parseCertificateRequest(pem)).toEqual({
      commonNames: ['system:node:a'],
      organizations: ['system:nodes'],
      otherSubjectParts: [],
      dnsNames: ['a'],
      ipAddresses: ['10.250.0.2'],
      otherNames: [],
    })
  })

  it('reads one without names', async () => {
    const asked = await parseCertificateRequest(await createCertificateRequest({ commonName: 'x' }))
    expect(asked).toMatchObject({ commonNames: ['x'], organizations: [], dnsNames: [], ipAddresses: [] })
  })

  it('refuses what is no request', async () => {
    await expect(parseCertificateRequest('nonsense')).rejects.toMatchObject({ kind: 'Invalid' })
  })

  it('refuses one whose content was changed after it was signed', async () => {
    const pem = await createCertificateRequest({ commonName: 'system:node:a' })
    const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
    der[der.indexOf('system:node:a') + 12] = 'b'.charCodeAt(0)
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
    await expect(parseCertificateRequest(forged)).rejects.toMatchObject({
      kind: 'Invalid',
      message: expect.stringContaining('not signed by its own key'),
    })
  })
})
