/** How rows of the corpus write an error of OpenAI's form, and the address of a public thread. */
export const e = (message: string, type: string | null = "invalid_request_error", code: string | null = null) => ({
  error: { message, type, param: null, code }
})
export const thread = (path: string): string => {
  const [repository, number] = path.split(/#|\/pull\//)
  return `https://github.com/${repository}/${path.includes("/pull/") ? "pull" : "issues"}/${number}`
}
