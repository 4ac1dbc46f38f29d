import { join } from 'node:path'
import { createCloudClient } from '@trellis/cloudprovider/local/client'
import { upstreamImages } from '@trellis/distribution/pins'
import { runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createExecClient } from '@trellis/kubernetes/testing/exec-client'
import { controlNamespace, createClusters } from '../../../system/support/clusters.ts'
import { prepareInstallation, type TestInstallation } from '../../../system/support/installation.ts'
import { agnhostPod } from '../../../system/support/objects.ts'
import { median, round } from '../../statistics.ts'
import type { BenchContext } from '../context.ts'
import { alternate, summary, type Turns } from '../exec/alternation.ts'
import { layCable, type Ways } from '../exec/direct-way.ts'
import { partDirectory } from '../programs.ts'

/** A free address for the API server on the direct way: the last of the range of nodes, which the cloud gives out from its beginning. */
const apiServerAddress = '10.250.255.254'

/** The pod that commands are run in. */
const pod = 'target'

/**
 * How long `exec -- true` takes in a real shoot of an installation of its own, when its API server reaches the node through the tunnel and when it does directly, which
 * the benchmark makes possible: first with one client that speaks the protocol, then with kubectl, whose own start is in it.
 */
export async function execPart(context: BenchContext): Promise<object> {
  const { clock, options, runner, signal, tell } = context
  await using installation = await prepareInstallation('bench', '198.24')
  tell('exec: growing a shoot, which takes a minute or more')
  await installation.must(['up'])
  const kubeconfig = (await installation.must(['kubeconfig'])).trim()
  tell(`exec: letting it settle for ${options.settleSeconds} s`)
  await clock.sleep(options.settleSeconds * 1000, signal)
  const turns = { ways: await openWays(context, installation), now: () => performance.now(), signal }
  const client = await createExecClient(kubeconfig)
  const measure = async (count: number, act: Turns['act']) => {
    // What only the first one takes, such as the loading of a program, is no part of it.
    await act()
    return summary(await alternate({ ...turns, count, act }))
  }
  const byClient = await measure(options.execs, () => client.exec('default', pod, pod, ['true']))
  const kubectl = join(await partDirectory(context, 'assets'), 'kubectl')
  const args = ['--kubeconfig', kubeconfig, 'exec', pod, '--', 'true']
  const byKubectl = await measure(options.kubectlExecs, () => runOrThrow(runner, kubectl, args))
  return { exec: { ...byClient, kubectl: byKubectl, roundTripMs: await roundTrips(turns.ways) } }
}

/** A round trip between the API server and the kubelet by each way: an exec takes some of them. */
async function roundTrips(ways: Ways): Promise<object> {
  const count = 200
  const tunnel = await ways.handshakes(count)
  await ways.direct()
  const direct = await ways.handshakes(count)
  await ways.tunnel()
  return { tunnel: round(median(tunnel)), direct: round(median(direct)) }
}

async function openWays({ runner }: BenchContext, installation: TestInstallation): Promise<Ways> {
  const clusters = createClusters(installation)
  await clusters.apply([agnhostPod(pod, upstreamImages.agnhost, ['pause'])])
  await clusters.shoot(['wait', `pod/${pod}`, '--for=condition=Ready', '--timeout=120s'])
  const node = (await clusters.shoot(['get', 'pod', pod, '-o', 'jsonpath={.status.hostIP}'])).trim()
  using cloud = createCloudClient({ socketPath: installation.cloudSocket })
  const network = (await cloud.listNetworks()).find(({ name }) => name === controlNamespace)
  if (network === undefined) throw new Failure('NotFound', 'the shoot has no network')
  return layCable(runner, {
    installation: installation.name,
    network: `${installation.name}-${network.id}`,
    node,
    address: apiServerAddress,
  })
}
