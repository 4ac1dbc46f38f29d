import { decorate } from '@trellis/cloudprovider/contract/decorate'
import type { Driver, DriverOperation, MachineRequest } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import { type Faults, lost } from './faults.ts'
import { type Life, never } from './life.ts'

/** What stands between one life of the controllers and the cloud. */
export interface UnreliableDriverOptions {
  readonly driver: Driver
  readonly life: Life
  readonly faults: Faults
  readonly note: (what: () => string) => void
  /** Told just before the cloud is asked to delete a server. */
  readonly onDelete?: (machineName: string) => void
  /** Told just before the cloud is asked to make one. */
  readonly onCreate?: (machineName: string) => void
}

/** A driver whose cloud fails, loses answers, overlooks servers and claims to have deleted what it has not. Within the law of the port, but for the lie. */
export function createUnreliableDriver(options: UnreliableDriverOptions): Driver {
  const { faults, life } = options
  const driver = decorate(options.driver, (operation, call) => exchange(options, operation, call))
  return {
    ...driver,
    createMachine: (request, how) => {
      if (!life.isOver()) options.onCreate?.(request.machineName)
      options.note(() => `cloud: create ${request.machineName} by ${JSON.stringify(request.providerSpec)}`)
      return driver.createMachine(request, how)
    },
    deleteMachine: async (request: MachineRequest, how) => {
      if (!life.isOver() && faults.strikes('cloudLie', () => `cloud: says that ${request.machineName} is deleted`))
        return 'gone'
      options.note(() => `cloud: delete ${request.machineName}`)
      return decorate(options.driver, (operation, call) =>
        exchange(options, operation, () => {
          options.onDelete?.(request.machineName)
          return call()
        }),
      ).deleteMachine(request, how)
    },
    listMachines: async (settings, how) => {
      const listed = await driver.listMachines(settings, how)
      if (listed.size === 0 || !faults.strikes('cloudOversight', () => 'cloud: overlooks servers in a list'))
        return listed
      return new Map([...listed].filter(() => faults.random.integer(2) === 0))
    },
  }
}

const acting: readonly DriverOperation[] = [
  'createMachine',
  'deleteMachine',
  'deleteServer',
  'initializeMachine',
  'updateMachine',
]

async function exchange<Value>(
  { life, faults, note }: UnreliableDriverOptions,
  operation: DriverOperation,
  call: () => Promise<Value>,
): Promise<Value> {
  if (life.isOver()) return never()
  const title = () => `cloud: ${operation}`
  if (faults.strikes('cloudFailure', () => `${title()} fails before the cloud acts`)) throw trouble(faults, operation)
  const crash = acting.includes(operation) ? faults.crashNow() : undefined
  const end = (where: string) => {
    note(() => `crash ${where} ${title()}`)
    life.end()
    return never<Value>()
  }
  if (crash === 'before') return end('before')
  const outcome = await settled(call)
  if (life.isOver()) return never()
  if (crash === 'after') return end('after')
  if ('error' in outcome) throw outcome.error
  if (faults.strikes('cloudAnswerLoss', () => `${title()} succeeds without an answer`))
    throw lost('the answer was lost')
  return outcome.value
}

async function settled<Value>(call: () => Promise<Value>): Promise<{ value: Value } | { error: unknown }> {
  try {
    return { value: await call() }
  } catch (error) {
    return { error }
  }
}

function trouble(faults: Faults, operation: DriverOperation): Failure {
  const draw = faults.random.integer(4)
  if (draw === 0) return new Failure('Throttled', 'simulated: too many calls', { retryAfterMilliseconds: 2000 })
  if (draw === 1 && operation === 'createMachine') return new Failure('Exhausted', 'simulated: no stock')
  return lost('the cloud does not answer')
}
