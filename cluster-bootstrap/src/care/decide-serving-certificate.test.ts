import type { AskedCertificate } from '@trellis/certificates/certificate-request'
import { describe, expect, it } from 'vitest'
import type { CertificateSigningRequest } from './certificate-signing-request.ts'
import { askingNode, decideServingCertificate } from './decide-serving-certificate.ts'

const asked: AskedCertificate = {
  commonNames: ['system:node:a'],
  organizations: ['system:nodes'],
  otherSubjectParts: [],
  dnsNames: ['a'],
  ipAddresses: ['10.250.0.2'],
  otherNames: [],
}

function request(
  change: Partial<CertificateSigningRequest['spec']> = {},
  conditions: string[] = [],
): CertificateSigningRequest {
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'csr-1' },
    spec: {
      request: '',
      signerName: 'kubernetes.io/kubelet-serving',
      usages: ['digital signature', 'server auth'],
      username: 'system:node:a',
      groups: ['system:nodes', 'system:authenticated'],
      ...change,
    },
    status: { conditions: conditions.map((type) => ({ type, status: 'True' })) },
  }
}

const server = { addresses: ['10.250.0.2'] }

describe('askingNode', () => {
  it.each([
    { name: 'a kubelet that asks', given: request(), node: 'a' },
    {
      name: "another signer's",
      given: request({ signerName: 'kubernetes.io/kube-apiserver-client-kubelet' }),
      node: undefined,
    },
    { name: 'a user that is no node', given: request({ username: 'system:serviceaccount:x:y' }), node: undefined },
    { name: 'a user with the name but not the group of a node', given: request({ groups: ['evil'] }), node: undefined },
    { name: 'one that was approved', given: request({}, ['Approved']), node: undefined },
    { name: 'one that was denied', given: request({}, ['Denied']), node: undefined },
    { name: 'one that failed', given: request({}, ['Failed']), node: undefined },
  ])('$name', ({ given, node }) => {
    expect(askingNode(given)).toBe(node)
  })
})

describe('decideServingCertificate', () => {
  it('approves an honest request', () => {
    expect(decideServingCertificate(request(), 'a', asked, server)).toEqual({ kind: 'approve' })
    expect(decideServingCertificate(request(), 'a', { ...asked, dnsNames: [] }, server)).toEqual({ kind: 'approve' })
  })

  it('waits for the cloud to know the server', () => {
    expect(decideServingCertificate(request(), 'a', asked, undefined).kind).toBe('wait')
  })

  it.each([
    { name: "another node's name", change: { commonNames: ['system:node:b'] }, says: 'common name' },
    { name: 'two common names', change: { commonNames: ['system:node:a', 'x'] }, says: 'common name' },
    { name: 'another group', change: { organizations: ['system:masters'] }, says: 'organization' },
    { name: 'a second group', change: { organizations: ['system:nodes', 'system:masters'] }, says: 'organization' },
    { name: 'more in the subject', change: { otherSubjectParts: ['OU'] }, says: 'subject says more' },
    {
      name: 'a foreign DNS name',
      change: { dnsNames: ['a', 'kubernetes.default'] },
      says: 'kubernetes.default is not',
    },
    {
      name: 'a foreign address',
      change: { ipAddresses: ['10.250.0.2', '10.250.0.3'] },
      says: '10.250.0.3 is no address',
    },
    { name: 'an e-mail address', change: { otherNames: ['a@b'] }, says: 'neither DNS names nor addresses' },
    { name: 'no name at all', change: { dnsNames: [], ipAddresses: [] }, says: 'no name' },
  ])('denies $name', ({ change, says }) => {
    const verdict = decideServingCertificate(request(), 'a', { ...asked, ...change }, server)
    expect(verdict).toMatchObject({ kind: 'deny', reason: expect.stringContaining(says) })
  })

  it.each([
    { usages: ['server auth', 'client auth'], says: 'client auth' },
    { usages: ['digital signature'], says: 'missing' },
  ])('denies usages $usages', ({ usages, says }) => {
    const verdict = decideServingCertificate(request({ usages }), 'a', asked, server)
    expect(verdict).toMatchObject({ kind: 'deny', reason: expect.stringContaining(says) })
  })
})
