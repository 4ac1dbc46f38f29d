import { startEc2Front } from '@trellis/cloudprovider/aws/testing/ec2-front'
import { type Moto, motoRegion, startMoto } from '@trellis/cloudprovider/aws/testing/moto'
import type { CloudClient } from '@trellis/cloudprovider/local/client'
import type { Clock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { createEc2Metadata } from '@trellis/localcloud/testing/ec2-metadata'
import { startBridge } from '../bridge.ts'
import { listenOn } from '../listen.ts'
import { createImitatedAws } from './imitated-aws.ts'

/** What an AWS with real machines stands on. */
export interface AwsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly local: CloudClient
  /** The host's address in the local cloud's public network: machines and pods of the seed reach it there. */
  readonly address: string
  readonly image: string
}

/** An AWS whose API is moto's and whose servers are machines of the local cloud. */
export interface AwsWithMachines extends AsyncDisposable {
  readonly moto: Moto
  /** Address of all its services. */
  readonly url: string
  readonly region: string
  /** Calls of its API so far. */
  readonly calls: readonly string[]
  trouble(): string | undefined
}

/** Starts it. Disposing it takes all machines away. */
export async function startAws({ clock, random, local, address, image }: AwsOptions): Promise<AwsWithMachines> {
  await using stack = new AsyncDisposableStack()
  const moto = stack.use(await startMoto())
  const front = stack.use(await startEc2Front(moto.url, address))
  // Not through the front: what the bridge asks is nobody's call.
  const imitated = stack.use(createImitatedAws(moto.url, motoRegion))
  const nameOf = async (serverId: string) => {
    try {
      return (await local.getServer(serverId)).name
    } catch (error) {
      if (isFailure(error, 'NotFound')) return undefined
      throw error
    }
  }
  const tell = async (serverId: string) => {
    const name = await nameOf(serverId)
    return name === undefined ? undefined : await imitated.factsOf(name)
  }
  const metadata = stack.use(await listenOn(address, createEc2Metadata({ clock, random, tell })))
  const metadataService = { url: metadata.url, datasource: 'Ec2' } as const
  const bridge = stack.use(
    startBridge({ clock, local, imitated, metadataService, image, flavor: 'small', name: 'aws' }),
  )
  const owned = stack.move()
  return {
    moto,
    url: front.url,
    region: motoRegion,
    calls: front.calls,
    trouble: bridge.trouble,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
