import type { Traffic } from '../kernel/activity.ts'
import type { DropReason } from './sorter.ts'

/** Why a packet that came to the UDP side went no further. `destination-malformed`: a destination sent something that is none of WireGuard's messages. */
export type UdpDropReason = DropReason | 'destination-malformed'

/** Ways of a packet through this program. */
export type Direction = 'toDestination' | 'toSource'

type MutableTraffic = { -readonly [Field in keyof Traffic]: number }

/** What has happened on the UDP side since the start. */
export interface UdpCounts {
  /** Handshakes that were passed on, and flows that a destination answered for the first time. */
  readonly handshakes: Record<'forwarded' | 'answered', number>
  readonly dropped: Record<UdpDropReason, number>
  /** Packets that passed this program. */
  readonly userspace: Readonly<Record<Direction, MutableTraffic>>
  /** Packets of sources that the kernel forwarded, as of the last look. */
  readonly kernel: MutableTraffic
  /** Packets that the kernel dropped because there were too many of their network, as of the last look and since it was given its rules. */
  kernelFlooding: number
}

/** All zero. */
export function createUdpCounts(): UdpCounts {
  return {
    handshakes: { forwarded: 0, answered: 0 },
    dropped: {
      malformed: 0,
      'network-limit': 0,
      'work-limit': 0,
      'unknown-key': 0,
      'unknown-session': 0,
      'destination-malformed': 0,
    },
    userspace: { toDestination: { packets: 0, bytes: 0 }, toSource: { packets: 0, bytes: 0 } },
    kernel: { packets: 0, bytes: 0 },
    kernelFlooding: 0,
  }
}

/** Adds traffic. */
export function addTraffic(sum: MutableTraffic, more: Traffic): void {
  sum.packets += more.packets
  sum.bytes += more.bytes
}
