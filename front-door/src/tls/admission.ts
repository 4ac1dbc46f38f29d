import type { Socket } from 'node:net'

/** How many connections there may be. */
export interface AdmissionLimits {
  readonly connections: number
  /** Of one address; all machines of a shoot behind one NAT have the same. */
  readonly connectionsPerAddress: number
}

/** Counts connections in and out. */
export interface Admission {
  /** Whether there is room for one more; its place is free again when it closes. */
  admit(client: Socket): boolean
  open(): number
}

/** Nobody is in yet. */
export function createAdmission(limits: AdmissionLimits): Admission {
  const perAddress = new Map<string, number>()
  let open = 0
  const leave = (address: string) => {
    open--
    const left = (perAddress.get(address) ?? 1) - 1
    if (left === 0) perAddress.delete(address)
    else perAddress.set(address, left)
  }
  return {
    open: () => open,
    admit: (client) => {
      const address = client.remoteAddress ?? ''
      const same = perAddress.get(address) ?? 0
      if (open >= limits.connections || same >= limits.connectionsPerAddress) return false
      open++
      perAddress.set(address, same + 1)
      client.once('close', () => leave(address))
      return true
    },
  }
}
