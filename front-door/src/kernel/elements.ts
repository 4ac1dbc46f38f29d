import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { parseIpAddress } from 'node-wireguard/address'
import { Type } from 'typebox'
import type { Target } from '../destinations/destinations.ts'
import { type Source, type SourceKey, sourceKeyOf } from '../udp/source.ts'

const pair = Type.Object({ concat: Type.Tuple([Type.String(), Type.Integer()]) })
const counter = Type.Object({ packets: Type.Integer(), bytes: Type.Integer() })
const flowElement = Type.Tuple([Type.Object({ elem: Type.Object({ val: pair, counter }) }), Type.Integer()])
const backendElement = Type.Tuple([Type.Integer(), pair])
const listingOf = <Element extends Type.TSchema>(element: Element) =>
  createParser(
    Type.Object({
      nftables: Type.Array(
        Type.Object({ map: Type.Optional(Type.Object({ elem: Type.Optional(Type.Array(element)) })) }),
      ),
    }),
    'listing of nft',
  )
const counterParser = createParser(
  Type.Object({
    nftables: Type.Array(Type.Object({ counter: Type.Optional(Type.Object({ packets: Type.Integer() })) })),
  }),
  'listing of nft',
)
const flowsParser = listingOf(flowElement)
const backendsParser = listingOf(backendElement)

/** What the kernel has of one source: its zone, and what it has forwarded from it since the element was made. */
export interface FlowElement {
  readonly source: Source
  readonly zone: number
  readonly packets: number
  readonly bytes: number
}

/** Reads what `nft -j list map` says of a map of flows. Throws `Invalid` when it is something else. */
export function readFlowElements(json: string): ReadonlyMap<SourceKey, FlowElement> {
  const elements = flowsParser.parse(parsed(json)).nftables.flatMap(({ map }) => map?.elem ?? [])
  return new Map(
    elements.map(([{ elem }, zone]) => {
      const [address, port] = elem.val.concat
      const source = { address: parseIpAddress(address), port }
      return [sourceKeyOf(source), { source, zone, ...elem.counter }]
    }),
  )
}

/** Reads what `nft -j list map` says of a map of backends. Throws `Invalid` when it is something else. */
export function readBackendElements(json: string): ReadonlyMap<number, Target> {
  const elements = backendsParser.parse(parsed(json)).nftables.flatMap(({ map }) => map?.elem ?? [])
  return new Map(elements.map(([zone, { concat }]) => [zone, { address: parseIpAddress(concat[0]), port: concat[1] }]))
}

/** Reads what `nft -j list counter` says of one counter, in packets. Throws `Invalid` when it is something else. */
export function readCounter(json: string): number {
  const [packets] = counterParser.parse(parsed(json)).nftables.flatMap(({ counter }) => counter?.packets ?? [])
  if (packets === undefined) throw new Failure('Invalid', 'nft does not tell of a counter')
  return packets
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    throw new Failure('Invalid', 'nft does not answer in JSON', { cause: error })
  }
}
