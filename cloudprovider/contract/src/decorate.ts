import type { Driver, DriverOperation } from './driver.ts'

/** Runs one call of a driver and whatever belongs around it. */
export type Around = <Answer>(
  operation: DriverOperation,
  call: () => Promise<Answer>,
  signal: AbortSignal | undefined,
) => Promise<Answer>

/** The same driver with `around` put around each of its calls. Capabilities that it lacks stay absent. */
export function decorate(driver: Driver, around: Around): Driver {
  const { deleteServer, getVolumeIds, getConsoleOutput, listLeftovers, deleteLeftover, updateMachine, mutableFields } =
    driver
  return {
    provider: driver.provider,
    createMachine: (request, options) =>
      around('createMachine', () => driver.createMachine(request, options), options?.signal),
    initializeMachine: (request, options) =>
      around('initializeMachine', () => driver.initializeMachine(request, options), options?.signal),
    deleteMachine: (request, options) =>
      around('deleteMachine', () => driver.deleteMachine(request, options), options?.signal),
    getMachineStatus: (request, options) =>
      around('getMachineStatus', () => driver.getMachineStatus(request, options), options?.signal),
    listMachines: (settings, options) =>
      around('listMachines', () => driver.listMachines(settings, options), options?.signal),
    ...(deleteServer === undefined
      ? {}
      : {
          deleteServer: (request, options) =>
            around('deleteServer', () => deleteServer.call(driver, request, options), options?.signal),
        }),
    ...(listLeftovers === undefined
      ? {}
      : {
          listLeftovers: (settings, options) =>
            around('listLeftovers', () => listLeftovers.call(driver, settings, options), options?.signal),
        }),
    ...(deleteLeftover === undefined
      ? {}
      : {
          deleteLeftover: (settings, leftover, options) =>
            around('deleteLeftover', () => deleteLeftover.call(driver, settings, leftover, options), options?.signal),
        }),
    ...(getVolumeIds === undefined
      ? {}
      : {
          getVolumeIds: (request, options) =>
            around('getVolumeIds', () => getVolumeIds.call(driver, request, options), options?.signal),
        }),
    ...(getConsoleOutput === undefined
      ? {}
      : {
          getConsoleOutput: (request, lines, options) =>
            around('getConsoleOutput', () => getConsoleOutput.call(driver, request, lines, options), options?.signal),
        }),
    ...(mutableFields === undefined ? {} : { mutableFields }),
    ...(updateMachine === undefined
      ? {}
      : {
          updateMachine: (request, options) =>
            around('updateMachine', () => updateMachine.call(driver, request, options), options?.signal),
        }),
  }
}
