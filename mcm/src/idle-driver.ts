import type { Driver } from '@trellis/cloudprovider/contract/driver'
import { InvariantError } from '@trellis/foundation/failure'

const neverCalled = (): never => {
  throw new InvariantError('a process without a provider called the cloud')
}

/** Stands in for the driver in a process whose controllers call no cloud; its classes may be of any provider. */
export const idleDriver: Driver = {
  provider: '',
  createMachine: neverCalled,
  initializeMachine: neverCalled,
  deleteMachine: neverCalled,
  getMachineStatus: neverCalled,
  listMachines: neverCalled,
}
