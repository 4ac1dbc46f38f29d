import type { SourceKey } from '../udp/source.ts'

/** Packets and bytes. */
export interface Traffic {
  readonly packets: number
  readonly bytes: number
}

/** What the kernel's counters of each source showed at one look. */
export type Look = ReadonlyMap<SourceKey, Traffic>

/** What happened between two looks: the sources that sent something, and how much all of them did. A counter that is lower than before was made anew and counts from zero. */
export function activityBetween(
  before: Look,
  after: Look,
): { readonly active: readonly SourceKey[]; readonly traffic: Traffic } {
  const active: SourceKey[] = []
  const traffic = { packets: 0, bytes: 0 }
  for (const [key, now] of after) {
    const last = before.get(key)
    const since = last !== undefined && last.packets <= now.packets ? last : { packets: 0, bytes: 0 }
    if (now.packets === since.packets) continue
    active.push(key)
    traffic.packets += now.packets - since.packets
    traffic.bytes += now.bytes - since.bytes
  }
  return { active, traffic }
}
