import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'

/** Units that the agent lays down and keeps going. */
export type UnitName = 'containerd' | 'kubelet'

/** What the agent asks of systemd. Every call returns once systemd says that it is done. */
export interface Systemd {
  /** Makes these units start at every boot, and makes systemd read all unit files anew. */
  enable(units: readonly UnitName[]): Promise<void>
  /** Starts a unit that is not running. */
  start(unit: UnitName): Promise<void>
  /** Starts a unit anew. */
  restart(unit: UnitName): Promise<void>
}

/** Talks to systemd through systemctl. */
export function createSystemd(runner: CommandRunner): Systemd {
  const systemctl = (...args: string[]) => runOrThrow(runner, 'systemctl', args)
  return {
    enable: async (units) => {
      await systemctl('enable', '--quiet', ...units.map((unit) => `${unit}.service`))
    },
    start: async (unit) => {
      await systemctl('start', `${unit}.service`)
    },
    restart: async (unit) => {
      await systemctl('restart', `${unit}.service`)
    },
  }
}
