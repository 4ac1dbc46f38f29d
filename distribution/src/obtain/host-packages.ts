import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'

/** Debian packages without which the parts cannot be made or machines not run, by the program that shows their presence. */
export const hostPackages = {
  mmdebstrap: ['mmdebstrap', 'debian-archive-keyring'],
  unzip: ['unzip'],
  go: ['golang-go'],
  runc: ['runc'],
  ip: ['iproute2'],
  nft: ['nftables'],
  wg: ['wireguard-tools'],
  socat: ['socat'],
  conntrack: ['conntrack'],
  curl: ['curl'],
  pgrep: ['procps'],
  python3: ['python3', 'python3-venv'],
  'python3-config': ['python3-dev'],
  gcc: ['gcc'],
  mariadbd: ['mariadb-server-core'],
  mariadb: ['mariadb-client-core'],
  rabbitmqctl: ['rabbitmq-server'],
} as const

/** A program that a Debian package brings to the host. */
export type HostProgram = keyof typeof hostPackages

/**
 * Installs with apt-get what the host lacks of these programs; does nothing when all are there. Throws `Unavailable` that names the
 * packages when they cannot be installed.
 */
export async function ensureHostPackages(
  runner: CommandRunner,
  programs: readonly HostProgram[],
  onProgress: (line: string) => void,
): Promise<void> {
  const missing: HostProgram[] = []
  for (const program of programs) if (!(await isInstalled(runner, program))) missing.push(program)
  if (missing.length === 0) return
  const packages = missing.flatMap((program) => hostPackages[program])
  await installHostPackages(runner, packages, onProgress)
}

/** Installs these Debian packages with apt-get. Throws `Unavailable` that names them when they cannot be installed. */
export async function installHostPackages(
  runner: CommandRunner,
  packages: readonly string[],
  onProgress: (line: string) => void,
): Promise<void> {
  onProgress(`installing ${packages.join(', ')}`)
  try {
    await withoutServices(runner, () => install(runner, packages))
  } catch (error) {
    throw new Failure('Unavailable', `the packages ${packages.join(', ')} cannot be installed`, {
      cause: error,
      remedy: `install them yourself: apt-get install ${packages.join(' ')}`,
    })
  }
}

async function isInstalled(runner: CommandRunner, program: string): Promise<boolean> {
  const path = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`
  const result = await runner.run('sh', ['-c', `command -v ${program}`], { environment: { PATH: path } })
  return result.code === 0
}

/** What Debian asks before it starts a service that a package brings. */
const policyFile = '/usr/sbin/policy-rc.d'

/** Packages are wanted for their programs: nothing that they bring is to be started by itself. A policy that the host has already stays. */
async function withoutServices(runner: CommandRunner, work: () => Promise<void>): Promise<void> {
  const write = `test -e ${policyFile} || { printf '#!/bin/sh\\nexit 101\\n' >${policyFile} && chmod 755 ${policyFile} && echo written; }`
  const written = (await runner.run('sh', ['-c', write])).stdout.includes('written')
  try {
    await work()
  } finally {
    if (written) await runner.run('rm', ['-f', policyFile])
  }
}

/** The package lists are fetched only when the first try shows that they are too old or absent. */
async function install(runner: CommandRunner, packages: readonly string[]): Promise<void> {
  const environment = { DEBIAN_FRONTEND: 'noninteractive' }
  const lock = ['-o', 'DPkg::Lock::Timeout=300']
  const args = [...lock, '--yes', '--no-install-recommends', 'install', ...packages]
  if ((await runner.run('apt-get', args, { environment })).code === 0) return
  await runOrThrow(runner, 'apt-get', [...lock, 'update'], { environment })
  await runOrThrow(runner, 'apt-get', args, { environment })
}
