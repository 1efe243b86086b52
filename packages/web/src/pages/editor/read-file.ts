/** Largest text of a plant file that the manager takes, in bytes. */
export const largestText = 8 * 1024 * 1024

/**
 * The text of a file that a person chose.
 * @throws Error in words for one that is too large or no text
 */
export async function textOfFile(file: Pick<File, 'name' | 'size' | 'arrayBuffer'>): Promise<string> {
  if (file.size > largestText)
    throw new Error(`${file.name} has ${Math.ceil(file.size / 1_048_576)} MiB; at most 8 are taken.`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer())
  } catch (cause) {
    throw new Error(`${file.name} is no UTF-8 text. Export it as UTF-8 and choose it again.`, { cause })
  }
}
