/**
 * The machines of `../member.ts` and `../sums.ts` as scripts, each of which Redis runs in one step and by its own clock. A law runs them side
 * by side with the machines. A member is one value: until when it is skipped, its probe with the end of the lease, the processes that
 * have requests in flight, and the slots of its window, the oldest first. A sum is its slots.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */

/** Begins every script. A command that a client held back for longer than its sender waits changes nothing. */
const begin = `
local time = redis.call("TIME")
local now = time[1] * 1000 + time[2] / 1000
local sentAt, late = tonumber(ARGV[1]), tonumber(ARGV[2])
if sentAt and now - sentAt > late then return { "late", string.format("%.0f", now) } end

local function text(number) return string.format("%.17g", number) end
`

const windows = `
local function advance(slots, index)
  local kept, requests, amount = {}, 0, 0
  for _, slot in ipairs(slots) do
    if slot[1] > index - 61 then
      kept[#kept + 1] = slot
      requests, amount = requests + slot[2], amount + slot[3]
    end
  end
  return kept, requests, amount
end

local function add(slots, index, requests, amount)
  local last = slots[#slots]
  if last == nil or last[1] < index then
    last = { index, 0, 0 }
    slots[#slots + 1] = last
  end
  last[2], last[3] = last[2] + requests, last[3] + amount
  return last[1]
end

local function correct(slots, index, slot, more)
  for _, kept in ipairs(slots) do
    if kept[1] == slot then
      kept[3] = kept[3] + more
      return
    end
  end
  if more > 0 then add(slots, index, 0, more) end
end

-- Milliseconds until an amount fits below the limits, in slots of so many milliseconds.
local function wait(slots, width, requests, amount, asked, mostRequests, mostAmount)
  local function fits() return requests + 1 <= mostRequests and amount + asked <= mostAmount + 1e-9 end
  if fits() then return 0 end
  for _, slot in ipairs(slots) do
    requests, amount = requests - slot[2], amount - slot[3]
    if fits() then return math.max(1, math.ceil((slot[1] + 61) * width - now)) end
  end
  return math.ceil(61 * width)
end
`

const members = `
local function open(key)
  local stored = redis.call("GET", key)
  local member = stored and cmsgpack.unpack(stored) or { 0, "", 0, {}, {} }
  member[5] = advance(member[5], math.floor(now / 1000))
  return member
end

local function isProbed(member) return member[2] ~= "" and now < member[3] end

local function hold(member, process, inFlight, lease)
  member[4][process] = { inFlight, now + lease }
end

local function state(member)
  local inFlight, processes = 0, 0
  for process, holding in pairs(member[4]) do
    if holding[2] > now then
      inFlight, processes = inFlight + holding[1], processes + 1
    else
      member[4][process] = nil
    end
  end
  local _, requests, tokens = advance(member[5], -math.huge)
  return {
    member[1] > 0 and 1 or 0, text(math.max(0, math.ceil(member[1] - now))), isProbed(member) and 1 or 0,
    inFlight, processes, requests, text(tokens)
  }
end

local function save(key, member, lease)
  local left = math.max(61000, lease)
  -- That it failed is kept for a day, so that the first request after a quiet night is a probe.
  if member[1] > 0 then left = math.max(0, member[1] - now) + 86400000 end
  redis.call("SET", key, cmsgpack.pack(member), "PX", math.ceil(left))
end
`

export const enter = `${begin}${windows}${members}
local process, inFlight, lease, token = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local tokens, mostRequests, mostTokens = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local anyway, isLimited = ARGV[10] == "1", ARGV[11] == "1"
local member = open(KEYS[1])
local isClosed = now < member[1] or (isProbed(member) and member[2] ~= token)
local function answer(tag, isProbe, slot, left)
  return { tag, string.format("%.0f", now), state(member), isProbe, slot, left }
end
if isClosed and not anyway then return answer("CoolingDown", 0, 0, 0) end

local slots = member[5]
if isLimited then
  local _, requests, taken = advance(slots, -math.huge)
  local left = wait(slots, 1000, requests, taken, math.min(tokens, mostTokens), mostRequests, mostTokens)
  if left > 0 then return answer("Full", 0, 0, left) end
end
local isProbe = member[1] > 0 and not isClosed
if isProbe then member[2], member[3] = token, now + lease end
hold(member, process, inFlight, lease)
local slot = isLimited and add(slots, math.floor(now / 1000), 1, tokens) or 0
save(KEYS[1], member, lease)
return answer("Admitted", isProbe and 1 or 0, slot, 0)
`

export const report = `${begin}${windows}${members}
local process, inFlight, lease, token = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local probe, answered, coolFor = ARGV[7], ARGV[8] == "1", tonumber(ARGV[9])
local slot, more = tonumber(ARGV[10]), tonumber(ARGV[11])
local requests, tokens = tonumber(ARGV[12]), tonumber(ARGV[13])
local member = open(KEYS[1])
local index = math.floor(now / 1000)
hold(member, process, inFlight, lease)
if more ~= 0 then correct(member[5], index, slot, more) end
if requests > 0 or tokens > 0 then add(member[5], index, requests, tokens) end
-- The fence: another request probes it, since this one was not heard of for longer than its lease.
local isFenced = probe ~= "none" and member[2] ~= "" and member[2] ~= token
if not isFenced then
  if answered then member[1], member[2] = 0, "" end
  if coolFor > 0 then member[1] = math.max(member[1], now + coolFor) end
  if probe == "held" and member[2] ~= "" then member[3] = now + lease end
  if probe == "released" then member[2] = "" end
end
local known = state(member)
save(KEYS[1], member, lease)
return { "ok", string.format("%.0f", now), known }
`

export const look = `${begin}${windows}${members}
local states = {}
for i, key in ipairs(KEYS) do states[i] = state(open(key)) end
return { "ok", string.format("%.0f", now), states }
`

export const sum = `${begin}${windows}
local step, window = ARGV[3], tonumber(ARGV[4])
local amount, limit, slot = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local width = window / 60
local index = math.floor(now / width)
local stored = redis.call("GET", KEYS[1])
local slots, _, taken = advance(stored and cmsgpack.unpack(stored) or {}, index)
local function answer(tag, at, left)
  local _, _, total = advance(slots, -math.huge)
  return { tag, string.format("%.0f", now), text(total), text(at), text(left) }
end
if step == "spent" then return answer("ok", 0, 0) end
local at = slot
if step == "settle" then
  correct(slots, index, slot, amount)
else
  local left = wait(slots, width, 0, taken, amount, math.huge, limit)
  if left > 0 then return answer("Refused", 0, left) end
  at = add(slots, index, 0, amount)
end
redis.call("SET", KEYS[1], cmsgpack.pack(slots), "PX", math.ceil(width * 61))
return answer("Reserved", at, 0)
`
