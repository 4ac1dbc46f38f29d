import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  debianPin,
  goToolchainPin,
  moduleFolders,
  type ProgramsPart,
  programPins,
  type ReleasePin,
  upstreamImages,
} from './pins.ts'

const modules = join(import.meta.dirname, '../modules')

/** The module whose version a part's version is; the part's own code when absent. */
const upstreamModules: Partial<Record<ProgramsPart, string>> = {
  kubernetes: 'k8s.io/kubernetes',
  agnhost: 'k8s.io/kubernetes',
  etcd: 'go.etcd.io/etcd/server/v3',
  containerd: 'github.com/containerd/containerd/v2',
  'cni-plugins': 'github.com/containernetworking/plugins',
  coredns: 'github.com/coredns/coredns',
  helm: 'helm.sh/helm/v4',
  'metrics-server': 'sigs.k8s.io/metrics-server',
  'wireguard-go': 'golang.zx2c4.com/wireguard',
  'wireguard-go-upstream': 'golang.zx2c4.com/wireguard',
  konnectivity: 'sigs.k8s.io/apiserver-network-proxy',
  opentofu: 'github.com/opentofu/opentofu',
  'terraform-provider-openstack': 'github.com/terraform-provider-openstack/terraform-provider-openstack/v3',
}

describe('the table of pins', () => {
  test.each(Object.entries(upstreamModules))('agrees with the Go module of %s', (part, module) => {
    const folder = moduleFolders[part as ProgramsPart] ?? part
    const { version } = programPins[part as ProgramsPart]
    expect(readFileSync(join(modules, folder, 'go.mod'), 'utf8')).toContain(`${module} ${version}`)
    expect(readFileSync(join(modules, folder, 'go.sum'), 'utf8')).toContain(`${module} ${version} h1:`)
  })

  test('has a linker setting for the version wherever a program would otherwise not know it', () => {
    for (const part of ['kubernetes', 'containerd', 'cni-plugins', 'helm', 'metrics-server'] as const) {
      expect(programPins[part].variables.join(), part).toContain(`=${programPins[part].version}`)
    }
  })

  test('asks the site that serves a file for its checksum too', () => {
    for (const { programs } of Object.values(programPins)) {
      for (const program of programs) {
        const release: ReleasePin | undefined = 'release' in program ? program.release : undefined
        if (release === undefined) continue
        expect(release.url, program.name).toMatch(/^https:/)
        expect(new URL(release.checksumUrl).host).toBe(new URL(release.url).host)
      }
    }
  })

  test('gives every upstream image one fixed tag', () => {
    for (const reference of Object.values(upstreamImages)) expect(reference).toMatch(/^[^:]+:v?\d+\.\d+/)
  })

  test('pins the Go toolchain by digest for each architecture', () => {
    for (const digest of Object.values(goToolchainPin.zipDigests)) expect(digest).toMatch(/^[0-9a-f]{64}$/)
  })

  test('lists each Debian package once', () => {
    expect(new Set(debianPin.packages).size).toBe(debianPin.packages.length)
  })
})
