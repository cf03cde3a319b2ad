/**
 * The word that was probably meant: for keys and names with a typing error.
 *
 * Guarded by `test/Arguments.test.ts` and `test/laws.data.test.ts`.
 */

/** How many letters two words differ by: added, dropped, changed or swapped with their neighbour. */
const distance = (one: string, other: string): number => {
  let before: Array<number> = []
  let above = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1]
      let least = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      }
      row.push(least)
    }
    before = above
    above = row
  }
  return above[other.length] ?? 0
}

/** Words of other libraries, each behind ours. */
const synonyms = [
  "times attempts maxattempts retries maxretries numretries stop",
  "backoff delay wait maxdelay mindelay",
  "trip threshold failurethreshold failures",
  "openfor resettimeout halfopenafter breakduration recoverytimeout",
  "limit concurrency maxconcurrent capacity",
  "window interval per period",
  "retry attempts maxattempts retries maxretries numretries",
  "whileresult retryifresult",
  "while retryif shouldretry retryon",
  "deadline total totaltimeout"
].map((row) => row.split(" "))

const plain = (word: string): string => word.toLowerCase().replaceAll(/[^a-z0-9]/g, "")

/** The nearest of the known words, if one is near. */
export const nearest = (word: string, known: ReadonlyArray<string>): string | undefined => {
  const given = plain(word)
  if (given.length > 64) return undefined
  let best: string | undefined
  let least = Infinity
  for (const candidate of known) {
    const letters = plain(candidate)
    const far = distance(given, letters)
    // One typing error in a short word, one letter in three in a longer one.
    if (
      far < least && far <= Math.max(1, Math.floor(Math.max(given.length, letters.length) / 3)) && far < letters.length
    ) {
      best = candidate
      least = far
    }
  }
  if (best !== undefined || given.length < 3) return best
  const ours = synonyms.find(([name, ...others]) => others.includes(given) && known.some((one) => plain(one) === name))
  if (ours !== undefined) return known.find((candidate) => plain(candidate) === ours[0])
  const within = known.filter((candidate) => plain(candidate).includes(given) || given.includes(plain(candidate)))
  // Of `output` and `outputAudio` the word that both begin with.
  const [stem] = within.toSorted((one, other) => one.length - other.length)
  return stem !== undefined && within.every((candidate) => candidate.startsWith(stem)) ? stem : undefined
}

/** What follows an unknown word in a message: what was probably meant, or else what there is. */
export const hint = (word: string, known: ReadonlyArray<string>): string => {
  const meant = nearest(word, known)
  if (meant !== undefined) return ` (\`${word}\`: did you mean \`${meant}\`?)`
  if (known.length === 0 || known.length > 24) return ""
  return known.length === 1 ? ` (the only option is ${known[0]})` : ` (the options are ${known.join(", ")})`
}
