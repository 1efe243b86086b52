/**
 * The minimum of each OpenSSL line that SECURITY.md records: `Minimum OpenSSL: 3.0.19, 3.5.4`.
 *
 * @param {string} text SECURITY.md
 * @returns {readonly string[]}
 */
export function minimumOpenssl(text) {
  const line = /^Minimum OpenSSL: (\d+\.\d+\.\d+(?:, \d+\.\d+\.\d+)*)$/m.exec(text)
  if (line === null) throw new Error('SECURITY.md has no line "Minimum OpenSSL: x.y.z, …".')
  return line[1].split(', ')
}

/**
 * Whether a version is older than the minimum of its own line, or belongs to a line older than all recorded. Lines
 * between or above the recorded ones are newer than the fixes that the oldest minimum stands for.
 */
export function isBelow(version, minimum) {
  const parse = (text) => text.split(/[.+-]/, 3).map(Number)
  const [major, minor, patch] = parse(version)
  const lines = minimum.map(parse)
  const own = lines.find(([a, b]) => a === major && b === minor)
  if (own !== undefined) return patch < own[2]
  return lines.every(([a, b]) => major < a || (major === a && minor < b))
}
