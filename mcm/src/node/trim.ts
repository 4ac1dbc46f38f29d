import type { Node } from '@trellis/api/core/node'

/** What the controllers look at of a Node: kubelets also list every image that they have, which is most of the object. */
export function trimNode({ apiVersion, kind, metadata, spec, status }: Node): Node {
  const kept = Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== 'managedFields'))
  const { capacity, conditions, volumesAttached } = status ?? {}
  return {
    apiVersion,
    kind,
    metadata: { ...kept, name: metadata.name },
    ...(spec === undefined ? {} : { spec }),
    status: {
      ...(capacity === undefined ? {} : { capacity }),
      ...(conditions === undefined ? {} : { conditions }),
      ...(volumesAttached === undefined ? {} : { volumesAttached }),
    },
  }
}
