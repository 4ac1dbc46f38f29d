import { appendFile, readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { JoinReport } from '@trellis/api/join-report'
import { machineIdentityPath, nodeAgentConfigurationPath } from '@trellis/api/node-agent-configuration'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { describe } from '@trellis/foundation/failure'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { createLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { runAgent, statusPath } from './agent.ts'
import { createApiClient } from './api-client.ts'
import { createDisk } from './disk.ts'
import { probeHostFacts } from './host-facts.ts'
import { probeUnit } from './keeper/probes.ts'
import { renderReport } from './report.ts'

const usage = `usage: node-agent [--config FILE] [--identity FILE]   make this machine a node and keep it one
       node-agent status [--json]                     print how far it is
`

// Guards of units and files would keep a process alive that has failed, so it is ended here.
void main(process.argv.slice(2)).then((code) => process.exit(code))

async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string', default: nodeAgentConfigurationPath },
        identity: { type: 'string', default: machineIdentityPath },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return print(usage)
    if (positionals[0] === 'status') return await printStatus(values.json)
    if (positionals.length > 0) return complain(usage)
    return await serve(values.config, values.identity)
  } catch (error) {
    return complain(`node-agent: ${describe(error)}\n`)
  }
}

async function serve(configurationPath: string, identityPath: string): Promise<number> {
  const signal = untilAskedToStop()
  const log = createLog('node-agent')
  const console = (line: string) => {
    // The console is a courtesy: many machines have none.
    appendFile('/dev/console', `${line}\r\n`).catch(() => {})
  }
  try {
    await runAgent({
      clock: createSystemClock(),
      random: createSystemRandom(),
      log,
      disk: createDisk(),
      runner: createCommandRunner(),
      signal,
      configurationPath,
      identityPath,
      probeMachine: probeHostFacts,
      probeUnit,
      connect: createApiClient,
      console,
    })
    return 0
  } catch (error) {
    if (signal.aborted) return 0
    console(`node-agent: ${describe(error)}`)
    log.error({ problem: describe(error) }, 'cannot go on; trying again from the beginning')
    return 1
  }
}

async function printStatus(json: boolean): Promise<number> {
  const text = await readFile(statusPath, 'utf8').catch(() => undefined)
  if (text === undefined)
    return complain('node-agent: nothing has been reported on this machine since it was started\n')
  return print(json ? text : renderReport(JSON.parse(text) as JoinReport))
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function complain(text: string): number {
  process.stderr.write(text)
  return 2
}
