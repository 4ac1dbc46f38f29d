import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createIdentities } from '../identities.ts'
import { partDirectory } from '../programs.ts'
import { buildRig, places } from '../rig.ts'
import { startProgram } from '../running-program.ts'
import type { Variant } from './variant.ts'

const ports = { frontend: 8090, agent: 8091 } as const

/** Konnectivity with its http-connect front end and certificates on both sides of both connections; the agent in the shoot dials the server in the seed. */
export const openKonnectivity: Variant = async (context) => {
  const rig = await buildRig(context.laboratory, 'konn')
  const bin = join(await partDirectory(context, 'konnectivity'), 'bin')
  const directory = join(context.directory, 'konnectivity')
  await mkdir(directory)
  const identities = await createIdentities(context, directory)
  const { caFile } = identities
  const server = await identities.issue('server', 'server', [places.seed])
  const agent = await identities.issue('agent', 'client')
  const user = await identities.issue('user', 'client')
  const running = startProgram(rig.seed, {
    program: join(bin, 'server'),
    args: [
      ...['--mode=http-connect', '--uds-name=', '--v=1', '--server-count=1', '--proxy-strategies=default'],
      ...[`--server-port=${ports.frontend}`, `--agent-port=${ports.agent}`],
      ...[`--server-ca-cert=${caFile}`, `--server-cert=${server.certificateFile}`, `--server-key=${server.keyFile}`],
      ...[`--cluster-ca-cert=${caFile}`, `--cluster-cert=${server.certificateFile}`, `--cluster-key=${server.keyFile}`],
    ],
  })
  startProgram(rig.shoot, {
    program: join(bin, 'agent'),
    args: [
      ...['--v=1', `--proxy-server-host=${places.seed}`, `--proxy-server-port=${ports.agent}`],
      ...[`--ca-cert=${caFile}`, `--agent-cert=${agent.certificateFile}`, `--agent-key=${agent.keyFile}`],
    ],
  })
  return {
    rig,
    proxy: { host: places.seed, port: ports.frontend, caFile, ...user },
    seedProcesses: async () => ({ server: running.processId }),
  }
}
