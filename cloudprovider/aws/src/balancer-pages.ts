/** Every page of an answer of the load balancers' API, in order. */
export async function allPages<Found>(
  ask: (marker: { readonly Marker?: string }) => Promise<{
    readonly found: readonly Found[]
    readonly next: string | undefined
  }>,
): Promise<readonly Found[]> {
  const all: Found[] = []
  let marker: string | undefined
  do {
    const { found, next } = await ask(marker === undefined ? {} : { Marker: marker })
    all.push(...found)
    marker = next === '' ? undefined : next
  } while (marker !== undefined)
  return all
}
