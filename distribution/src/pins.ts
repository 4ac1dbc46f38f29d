/** Machine architectures that the parts exist for, as Go and OCI spell them. */
export type Architecture = 'amd64' | 'arm64'

/** Where the makers of a program publish it, and how what they publish is laid out. */
export interface ReleasePin {
  /** One file or archive; `{arch}` stands for the architecture. */
  readonly url: string
  /** The published checksum: a bare digest, or lines of `digest  file name`. */
  readonly checksumUrl: string
  /** Where the wanted program lies in the archive; absent when the file is the program itself. */
  readonly member?: string
}

/** How to ask a program for its version, and what it must answer. */
export interface VersionPin {
  readonly args: readonly string[]
  /** Text that the answer must contain. */
  readonly answer: string
}

/** One program that a part consists of. */
export interface ProgramPin {
  readonly name: string
  /** Go package to build; `.` is the part's own main package. */
  readonly package: string
  /** Another program of the same part that this one is a link to, when built. */
  readonly linkTo?: string
  readonly version?: VersionPin
  readonly release?: ReleasePin
}

/** A part made of Go programs: `distribution/modules/<name>` holds its go.mod and go.sum. */
export interface ProgramsPin {
  readonly version: string
  /** Linker settings of the form `package.variable=value`. */
  readonly variables: readonly string[]
  readonly programs: readonly ProgramPin[]
  /** Whether the upstream module is changed as the folder `adapted` of the part's own says. */
  readonly adapted?: boolean
}

/** The version of Kubernetes in every cluster, as in `v1.37.2`. */
export const kubernetesVersion = 'v1.37.2'

const kubernetes = kubernetesVersion

const etcd = 'v3.7.3'
const containerd = 'v2.4.2'
const cni = 'v1.9.1'
const coredns = 'v1.15.0'
const helm = 'v4.3.1'
const metricsServer = 'v0.9.0'
const opentofu = 'v1.12.6'
const openstackProvider = 'v3.4.0'
const konnectivity = 'v0.36.0'
const wireguardGo = 'v0.0.0-20260522210424-ecfc5a8d5446'

const componentVersion = 'k8s.io/component-base/version'
const openstackProviderModule = 'github.com/terraform-provider-openstack/terraform-provider-openstack/v3'
const github = 'https://github.com'

function kubernetesProgram(name: string, version: VersionPin, linked: boolean): ProgramPin {
  const url = `https://dl.k8s.io/release/${kubernetes}/bin/linux/{arch}/${name}`
  const program = { name, package: '.', version, release: { url, checksumUrl: `${url}.sha256` } }
  return linked ? { ...program, linkTo: 'kubernetes' } : program
}

const daemonVersion: VersionPin = { args: ['--version'], answer: `Kubernetes ${kubernetes}` }

function cniProgram(kind: string, name: string): ProgramPin {
  const url = `${github}/containernetworking/plugins/releases/download/${cni}/cni-plugins-linux-{arch}-${cni}.tgz`
  return {
    name,
    package: `github.com/containernetworking/plugins/plugins/${kind}/${name}`,
    version: { args: ['--version'], answer: `plugin ${cni}` },
    release: { url, checksumUrl: `${url}.sha256`, member: `./${name}` },
  }
}

function containerdProgram(name: string, version: VersionPin): ProgramPin {
  const url = `${github}/containerd/containerd/releases/download/${containerd}/containerd-static-${containerd.slice(1)}-linux-{arch}.tar.gz`
  return {
    name,
    package: `github.com/containerd/containerd/v2/cmd/${name}`,
    version,
    release: { url, checksumUrl: `${url}.sha256sum`, member: `bin/${name}` },
  }
}

/** Every Go part that Trellis does not write, with the one version of it that is in use. */
export const programPins = {
  kubernetes: {
    version: kubernetes,
    variables: [
      `${componentVersion}.gitVersion=${kubernetes}`,
      `${componentVersion}.gitMajor=1`,
      `${componentVersion}.gitMinor=37`,
      `${componentVersion}.gitCommit=unknown`,
      `${componentVersion}.gitTreeState=clean`,
    ],
    programs: [
      kubernetesProgram('kube-apiserver', daemonVersion, true),
      kubernetesProgram('kube-controller-manager', daemonVersion, true),
      kubernetesProgram('kube-scheduler', daemonVersion, true),
      kubernetesProgram('kube-proxy', daemonVersion, true),
      kubernetesProgram('kubelet', daemonVersion, true),
      kubernetesProgram('kubeadm', { args: ['version', '-o', 'short'], answer: kubernetes }, true),
      kubernetesProgram('kubectl', { args: ['version', '--client'], answer: `Client Version: ${kubernetes}` }, true),
    ],
  },
  etcd: {
    version: etcd,
    variables: [],
    programs: [
      {
        name: 'etcd',
        package: 'go.etcd.io/etcd/server/v3',
        version: { args: ['--version'], answer: `etcd Version: ${etcd.slice(1)}` },
        release: {
          url: `${github}/etcd-io/etcd/releases/download/${etcd}/etcd-${etcd}-linux-{arch}.tar.gz`,
          checksumUrl: `${github}/etcd-io/etcd/releases/download/${etcd}/SHA256SUMS`,
          member: `etcd-${etcd}-linux-{arch}/etcd`,
        },
      },
    ],
  },
  containerd: {
    version: containerd,
    variables: [`github.com/containerd/containerd/v2/version.Version=${containerd}`],
    programs: [
      containerdProgram('containerd', { args: ['--version'], answer: ` ${containerd} ` }),
      containerdProgram('containerd-shim-runc-v2', { args: ['-v'], answer: containerd }),
      containerdProgram('ctr', { args: ['--version'], answer: containerd }),
    ],
  },
  'cni-plugins': {
    version: cni,
    variables: [`github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=${cni}`],
    programs: [
      cniProgram('main', 'bridge'),
      cniProgram('main', 'loopback'),
      cniProgram('main', 'ptp'),
      cniProgram('ipam', 'host-local'),
      cniProgram('meta', 'portmap'),
      cniProgram('meta', 'firewall'),
    ],
  },
  coredns: {
    version: coredns,
    variables: [],
    programs: [
      {
        name: 'coredns',
        package: '.',
        version: { args: ['-version'], answer: `CoreDNS-${coredns.slice(1)}` },
        release: {
          url: `${github}/coredns/coredns/releases/download/${coredns}/coredns_${coredns.slice(1)}_linux_{arch}.tgz`,
          checksumUrl: `${github}/coredns/coredns/releases/download/${coredns}/coredns_${coredns.slice(1)}_linux_{arch}.tgz.sha256`,
          member: 'coredns',
        },
      },
    ],
  },
  helm: {
    version: helm,
    variables: [
      `helm.sh/helm/v4/internal/version.version=${helm}`,
      'helm.sh/helm/v4/internal/version.gitTreeState=clean',
    ],
    programs: [
      {
        name: 'helm',
        package: 'helm.sh/helm/v4/cmd/helm',
        version: { args: ['version', '--template', '{{.Version}}'], answer: helm },
        release: {
          url: `https://get.helm.sh/helm-${helm}-linux-{arch}.tar.gz`,
          checksumUrl: `https://get.helm.sh/helm-${helm}-linux-{arch}.tar.gz.sha256sum`,
          member: 'linux-{arch}/helm',
        },
      },
    ],
  },
  'metrics-server': {
    version: metricsServer,
    variables: [`k8s.io/client-go/pkg/version.gitVersion=${metricsServer}`],
    programs: [{ name: 'metrics-server', package: 'sigs.k8s.io/metrics-server/cmd/metrics-server' }],
  },
  // With buffers that keep little memory and are not cleared (decision 40).
  'wireguard-go': {
    version: wireguardGo,
    variables: [],
    programs: [{ name: 'wireguard-go', package: 'golang.zx2c4.com/wireguard' }],
    adapted: true,
  },
  // Our own: WireGuard inside TLS.
  'wireguard-relay': {
    version: '1',
    variables: [],
    programs: [{ name: 'wireguard-relay', package: '.' }],
  },
  // These two are not part of any machine: what the benchmark of the tunnel compares with. Programs of konnectivity do not say their version.
  'wireguard-go-upstream': {
    version: wireguardGo,
    variables: [],
    programs: [{ name: 'wireguard-go', package: 'golang.zx2c4.com/wireguard' }],
  },
  konnectivity: {
    version: konnectivity,
    variables: [],
    programs: [
      { name: 'agent', package: 'sigs.k8s.io/apiserver-network-proxy/cmd/agent' },
      { name: 'server', package: 'sigs.k8s.io/apiserver-network-proxy/cmd/server' },
    ],
  },
  opentofu: {
    version: opentofu,
    // Without it the program calls itself a development version of what it is.
    variables: ['github.com/opentofu/opentofu/version.dev=no'],
    programs: [
      {
        name: 'tofu',
        package: 'github.com/opentofu/opentofu/cmd/tofu',
        version: { args: ['version'], answer: `OpenTofu ${opentofu}` },
        release: {
          url: `${github}/opentofu/opentofu/releases/download/${opentofu}/tofu_${opentofu.slice(1)}_linux_{arch}.tar.gz`,
          checksumUrl: `${github}/opentofu/opentofu/releases/download/${opentofu}/tofu_${opentofu.slice(1)}_SHA256SUMS`,
          member: 'tofu',
        },
      },
    ],
  },
  // Published as a zip file only, and a plugin does not say its version: it is always built.
  'terraform-provider-openstack': {
    version: openstackProvider,
    variables: [`${openstackProviderModule}/openstack.version=${openstackProvider.slice(1)}`],
    programs: [{ name: 'terraform-provider-openstack', package: openstackProviderModule }],
  },
  agnhost: {
    version: kubernetes,
    variables: [],
    programs: [{ name: 'agnhost', package: 'k8s.io/kubernetes/test/images/agnhost' }],
  },
  pause: {
    version: '3.10.2',
    variables: [],
    programs: [{ name: 'pause', package: '.' }],
  },
} as const satisfies Readonly<Record<string, ProgramsPin>>

/** Name of a part that consists of Go programs. */
export type ProgramsPart = keyof typeof programPins

/** Parts that are providers of OpenTofu, with the address by which modules ask for them. */
export const openTofuProviders = {
  'terraform-provider-openstack': 'terraform-provider-openstack/openstack',
} as const satisfies Partial<Record<ProgramsPart, string>>

/** Folder under `distribution/modules` when it is not named like the part. */
export const moduleFolders: Partial<Record<ProgramsPart, string>> = {
  agnhost: 'kubernetes',
  'wireguard-go-upstream': 'wireguard-go',
  'wireguard-relay': '../../node-wireguard/relay-program',
}

/** The Go toolchain: any host's Go from this version on will do; a host without one gets exactly this one, as the Go module proxy serves it. */
export const goToolchainPin = {
  minimum: [1, 26],
  version: 'go1.26.8',
  /** SHA-256 of the module's zip file. */
  zipDigests: {
    amd64: '30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7',
    arm64: '02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99',
  } satisfies Record<Architecture, string>,
} as const

/** The operating system of machines. */
export const debianPin = {
  suite: 'bookworm',
  packages: [
    'systemd',
    'systemd-sysv',
    'dbus',
    'cloud-init',
    'runc',
    'iptables',
    'nftables',
    'iproute2',
    'conntrack',
    'ebtables',
    'ethtool',
    'socat',
    'kmod',
    'wireguard-tools',
    'curl',
    'ca-certificates',
    'iputils-ping',
    'procps',
    'util-linux',
    'mount',
    'libatomic1',
    'libstdc++6',
  ],
} as const

/** Names that upstream images have everywhere, so that charts are the same here and in production. */
export const upstreamImages = {
  'kube-apiserver': `registry.k8s.io/kube-apiserver:${kubernetes}`,
  'kube-controller-manager': `registry.k8s.io/kube-controller-manager:${kubernetes}`,
  'kube-scheduler': `registry.k8s.io/kube-scheduler:${kubernetes}`,
  'kube-proxy': `registry.k8s.io/kube-proxy:${kubernetes}`,
  etcd: `registry.k8s.io/etcd:${etcd.slice(1)}-0`,
  coredns: `registry.k8s.io/coredns/coredns:${coredns}`,
  pause: 'registry.k8s.io/pause:3.10.2',
  'metrics-server': `registry.k8s.io/metrics-server/metrics-server:${metricsServer}`,
  agnhost: 'registry.k8s.io/e2e-test-images/agnhost:2.66.1',
} as const
