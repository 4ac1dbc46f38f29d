import {
  describeInfrastructure as describeLaw,
  type InfrastructureHarness as Harness,
} from './infrastructure-conformance.ts'

/** A real cloud, at which every call takes its time. */
export interface InfrastructureHarness extends Harness {
  /** Crashes are a sample here: they are tried at each call that this divides. At its double the same engine dies at every one. */
  readonly crashStride: number
}

/** Runs the one law at a cloud where every crash would take hours. */
export function describeInfrastructure(name: string, open: () => Promise<InfrastructureHarness>): void {
  describeLaw(name, open)
}
