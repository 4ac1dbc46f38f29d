import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { overlap, parseRange, type Range } from './addresses.ts'
import { hostAddress } from './cloud-network.ts'
import { makeNamespace } from './host-network.ts'
import { hostLinkName, type InstanceNames, publicBridgeName, stableHardwareAddress } from './names.ts'
import { parseLinks, parseRoutes } from './namespace-changes.ts'

/**
 * Joins the host to the cloud's public network: one interface with one address, and nothing else of the host changes. Runs in the host's
 * own namespace; repeats are harmless. Throws `Conflict` when the range or the interface's name is already in use by something else.
 */
export async function joinHost(runner: CommandRunner, names: InstanceNames, publicRange: Range): Promise<void> {
  await refuseClash(runner, names, publicRange)
  await makeNamespace(runner, names.coreNamespace)
  const { hostInterface, coreNamespace } = names
  const core = (...args: readonly string[]) => runOrThrow(runner, 'ip', ['-n', coreNamespace, ...args])
  if ((await runner.run('ip', ['-n', coreNamespace, 'link', 'show', publicBridgeName])).code !== 0) {
    const address = stableHardwareAddress(coreNamespace)
    await core('link', 'add', publicBridgeName, 'address', address, 'type', 'bridge')
  }
  if ((await runner.run('ip', ['-n', coreNamespace, 'link', 'show', hostLinkName])).code !== 0) {
    await runner.run('ip', ['link', 'delete', hostInterface])
    const peer = ['peer', 'name', hostLinkName, 'netns', coreNamespace]
    await runOrThrow(runner, 'ip', ['link', 'add', hostInterface, 'type', 'veth', ...peer])
  }
  await core('link', 'set', hostLinkName, 'master', publicBridgeName, 'up')
  const address = `${hostAddress(publicRange)}/${publicRange.prefixLength}`
  await runOrThrow(runner, 'ip', ['address', 'replace', address, 'dev', hostInterface])
  await runOrThrow(runner, 'ip', ['link', 'set', hostInterface, 'up'])
}

async function refuseClash(runner: CommandRunner, names: InstanceNames, publicRange: Range): Promise<void> {
  const routes = parseRoutes(await runOrThrow(runner, 'ip', ['-4', '-j', 'route', 'show']))
  const taken = routes.find(
    (route) =>
      route.device !== names.hostInterface &&
      route.destination !== 'default' &&
      overlap(rangeOfRoute(route.destination), publicRange),
  )
  if (taken !== undefined) {
    throw new Failure(
      'Conflict',
      `the cloud's public range ${publicRange.text} overlaps ${taken.destination}, which this host reaches through ${taken.device}`,
      { field: 'publicRange', remedy: 'choose another range with --public-range or TRELLIS_PUBLIC_RANGE' },
    )
  }
  const links = parseLinks(await runOrThrow(runner, 'ip', ['-j', 'address', 'show']))
  const ours = links.find((link) => link.name === names.hostInterface)
  const foreign = ours?.addresses.find((address) => !overlap(rangeOfRoute(address.split('/')[0] ?? ''), publicRange))
  if (foreign !== undefined) {
    throw new Failure('Conflict', `the interface ${names.hostInterface} exists already with address ${foreign}`, {
      field: 'instance',
      remedy: `choose another instance name, or remove the interface with: ip link delete ${names.hostInterface}`,
    })
  }
}

function rangeOfRoute(destination: string): Range {
  return parseRange(destination.includes('/') ? destination : `${destination}/32`, 'route')
}
