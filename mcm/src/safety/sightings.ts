/** When things were seen first, for clouds that do not tell how old they are. */
export interface Sightings {
  /** Notes what is seen now; what is missing is forgotten, and is new when it comes back. Gives the instants by id. */
  note(ids: Iterable<string>, now: number): ReadonlyMap<string, number>
}

/** Remembers nothing at first; losing this memory makes things look younger, never older. */
export function createSightings(): Sightings {
  let firstSeen: ReadonlyMap<string, number> = new Map()
  return {
    note: (ids, now) => {
      firstSeen = new Map([...ids].map((id) => [id, firstSeen.get(id) ?? now]))
      return firstSeen
    },
  }
}
