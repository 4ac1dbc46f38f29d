/** What the namespaces of projects begin with. */
export const projectNamespacePrefix = 'garden-'

/** Most letters that the names of project and Shoot may have together: the control namespace names other things in turn. */
export const longestProjectAndShootName = 21

/** The namespace of a project that names none. */
export function projectNamespace(project: string): string {
  return `${projectNamespacePrefix}${project}`
}

/** The project whose namespace this is; undefined when it is no project's. */
export function projectOfNamespace(namespace: string): string | undefined {
  if (namespace === 'garden') return 'garden'
  const project = namespace.startsWith(projectNamespacePrefix) ? namespace.slice(projectNamespacePrefix.length) : ''
  return project === '' ? undefined : project
}

/** The control namespace of a Shoot in its seed, which is also its technical identifier. */
export function shootTechnicalId(project: string, shoot: string): string {
  return `shoot--${project}--${shoot}`
}

/**
 * The name of the machine deployment of a worker pool, or of its part in one zone: the zones of a pool count from 1, in the order in which the pool
 * names them.
 */
export function machineDeploymentName(technicalId: string, worker: string, zoneNumber?: number): string {
  const name = `${technicalId}-${worker}`
  return zoneNumber === undefined ? name : `${name}-z${zoneNumber}`
}
