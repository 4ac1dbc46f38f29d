import type { Machine } from '@trellis/api/machine/machine'

/** The phase that a machine was in before it was asked to go. */
export function phaseBeforeLeaving({ status }: Machine): string | undefined {
  return status?.history?.findLast(({ phase }) => phase !== 'Terminating')?.phase
}
