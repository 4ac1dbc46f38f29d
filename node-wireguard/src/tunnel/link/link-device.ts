import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { WireGuardDevice } from '../../device.ts'
import { claimLink, ensureLink, type Implementation } from '../../link.ts'
import { createWgDevice } from '../../wg-device.ts'
import { startWireGuardGo } from '../../wireguard-go.ts'

/** A device with whatever keeps it alive. */
export interface LinkDevice extends AsyncDisposable {
  readonly implementation: Implementation
  readonly device: WireGuardDevice
  restarts(): number
  problem(): string | undefined
}

/** What opening a device takes. */
export interface LinkDeviceOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  readonly interfaceName: string
  /** What is written on the interface, so that it is found when the configuration has it no longer. */
  readonly owner: string
  readonly implementation: Implementation | 'automatic'
  readonly wireGuardGo: { readonly program: string; readonly memoryLimitMebibytes: number }
  /** Called whenever the device begins anew without configuration. */
  readonly onStart: () => void
}

/**
 * Opens the kernel's device where there is one, else wireguard-go behind a persistent TUN interface. Disposing ends the program and
 * leaves the interface with its addresses and routes, so that open connections outlive a restart.
 */
export async function openLinkDevice(options: LinkDeviceOptions): Promise<LinkDevice> {
  const { runner, interfaceName } = options
  const implementation = await ensureLink(runner, interfaceName, options.implementation)
  await claimLink(runner, interfaceName, options.owner)
  if (implementation === 'kernel') {
    return {
      implementation,
      device: createWgDevice({ runner, interfaceName }),
      restarts: () => 0,
      problem: () => undefined,
      [Symbol.asyncDispose]: async () => {},
    }
  }
  const { program, memoryLimitMebibytes } = options.wireGuardGo
  const go = await startWireGuardGo({ ...options, program, memoryLimitMebibytes })
  return { ...go, implementation, [Symbol.asyncDispose]: () => go[Symbol.asyncDispose]() }
}
