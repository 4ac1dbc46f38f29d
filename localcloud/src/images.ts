import { describe, Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { readIfPresent } from './files.ts'
import { type Image, imagesFileSchema } from './schemas.ts'

/** The machine images that this cloud offers. */
export interface Images {
  /** All images; the list is read anew each time, so a new image needs no restart. */
  list(): Promise<readonly Image[]>
  /** The image of that name; throws `Invalid` that lists the known ones. */
  get(name: string): Promise<Image>
}

const parser = createParser(imagesFileSchema, 'list of images')

/** Images as listed in a file; an absent file lists none, a wrong one is `Unavailable`. */
export function createImages(file: string): Images {
  const list = async (): Promise<readonly Image[]> => {
    const text = await readIfPresent(file)
    if (text === undefined) return []
    try {
      return parser.parse(JSON.parse(text)).images
    } catch (error) {
      throw new Failure('Unavailable', `the list of images in ${file} cannot be read: ${describe(error)}`, {
        remedy: 'write it anew, as in {"images":[{"name":"trellis","layers":["/absolute/path"]}]}',
      })
    }
  }
  return {
    list,
    get: async (name) => {
      const images = await list()
      const image = images.find((known) => known.name === name)
      if (image !== undefined) return image
      const known = images.map((each) => each.name).join(', ')
      throw new Failure('Invalid', `there is no image "${name}"`, {
        field: 'image',
        remedy: known === '' ? `list images in ${file}` : `choose one of ${known}`,
      })
    },
  }
}
