import { readFileSync } from 'node:fs'

/** How many packets have come in by an interface of this network namespace; undefined when the kernel does not say. Read at once: the file is the kernel's own memory. */
export function receivedPackets(interfaceName: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${interfaceName}/statistics/rx_packets`, 'utf8'))
  } catch {
    return undefined
  }
}
