import { type PersistentVolume, persistentVolumeClaims, persistentVolumes } from '@trellis/api/core/storage'
import { keyText } from '@trellis/api/meta'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import type { PodClaim } from './pods.ts'
import type { Volume, VolumeOf } from './volumes.ts'

/** The volumes behind claims, each looked up once. */
export interface VolumeBook {
  readonly volumeOf: VolumeOf
  /** Looks up what is not known yet. Never throws: what cannot be read is tried again later, and after a few tries counts as having no volume. */
  lookUp(claims: readonly PodClaim[]): Promise<void>
  /** When a lookup that failed is due again. */
  nextLookAt(): number | undefined
  /** Whether a volume of that name was found behind a claim. */
  has(volume: string): boolean
}

/** What looking up needs. */
export interface VolumeBookContext {
  readonly clock: Clock
  readonly log: Log
  readonly client: Client
  readonly driver: Pick<Driver, 'getVolumeIds'>
}

interface Entry {
  readonly tries: number
  readonly notBefore: number
  readonly answer?: { readonly volume: Volume | undefined }
}

const mostTries = 3
const lookPauseMilliseconds = 5000

/** Makes an empty book. */
export function createVolumeBook(context: VolumeBookContext): VolumeBook {
  const entries = new Map<string, Entry>()
  const names = new Set<string>()
  const lookUp = async (claim: PodClaim): Promise<void> => {
    const key = keyText(claim)
    const { tries, notBefore, answer } = entries.get(key) ?? { tries: 0, notBefore: 0 }
    if (answer !== undefined || notBefore > context.clock.now()) return
    try {
      const volume = await findVolume(context, claim)
      if (volume !== undefined) names.add(volume.name)
      entries.set(key, { tries, notBefore, answer: { volume } })
    } catch (error) {
      const last = tries + 1 >= mostTries
      const then = last ? 'its volume is not waited for' : 'will look again'
      context.log.warn({ claim: key, error: describe(error) }, `the volume of a claim could not be read; ${then}`)
      const pause = { tries: tries + 1, notBefore: context.clock.now() + lookPauseMilliseconds }
      entries.set(key, last ? { ...pause, answer: { volume: undefined } } : pause)
    }
  }
  return {
    volumeOf: (claim) => entries.get(keyText(claim))?.answer,
    lookUp: async (claims) => {
      const unique = new Map(claims.map((claim) => [keyText(claim), claim]))
      await Promise.all([...unique.values()].map(lookUp))
    },
    nextLookAt: () => {
      const waiting = [...entries.values()].filter(({ answer }) => answer === undefined)
      return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ notBefore }) => notBefore))
    },
    has: (volume) => names.has(volume),
  }
}

async function findVolume(
  { client, driver, log }: VolumeBookContext,
  { namespace, name }: PodClaim,
): Promise<Volume | undefined> {
  const claim = await client.find(persistentVolumeClaims, { namespace, name })
  const volumeName = claim?.spec?.volumeName
  if (!volumeName) return undefined
  const volume = await client.find(persistentVolumes, { name: volumeName })
  if (volume === undefined) return undefined
  return { name: volumeName, ids: [...csiIds(volume), ...(await cloudIds(driver, volume, log))] }
}

/** The name that Kubernetes itself gives a CSI volume in the status of nodes. */
function csiIds({ spec }: PersistentVolume): readonly string[] {
  return spec?.csi === undefined ? [] : [`kubernetes.io/csi/${spec.csi.driver}^${spec.csi.volumeHandle}`]
}

/** The cloud's own id. Not to know it is no harm: attachments name the volume itself. */
async function cloudIds(
  driver: Pick<Driver, 'getVolumeIds'>,
  { metadata, spec }: PersistentVolume,
  log: Log,
): Promise<readonly string[]> {
  if (driver.getVolumeIds === undefined || spec === undefined) return []
  try {
    return (await driver.getVolumeIds({ volumes: [{ ...spec }] })).filter((id) => id !== '')
  } catch (error) {
    log.warn({ volume: metadata.name, error: describe(error) }, 'the cloud did not tell the id of a volume')
    return []
  }
}
