/**
 * The machines of `../member.ts` and `../sums.ts` as scripts, each of which Redis runs in one step and by its own clock. A law runs them side
 * by side with the machines. A member is one value: until when it is skipped, its probe with the end of the lease, the processes that
 * have requests in flight, the slots of its window, the oldest first, when it was last written, and since when it is kept. A sum is its
 * slots, and since when it is kept.
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

-- What another program, or another version of this one, has written at the key counts as nothing.
local function read(key, isValid)
  local stored = redis.pcall("GET", key)
  if type(stored) ~= "string" then return nil end
  local isRead, value = pcall(cmsgpack.unpack, stored)
  if isRead and isValid(value) then return value end
  return nil
end

local function areNumbers(values, count)
  if type(values) ~= "table" then return false end
  for i = 1, count do
    if type(values[i]) ~= "number" then return false end
  end
  return true
end
`

const windows = `
-- Whether the clock went back, so that all that is kept has been moved. It is kept so at once: time goes on from there.
local turned = false

local function write(key, value, left)
  redis.call("SET", key, cmsgpack.pack(value), "PX", math.ceil(left))
end

local function areSlots(slots)
  if type(slots) ~= "table" then return false end
  for _, slot in ipairs(slots) do
    if not areNumbers(slot, 3) then return false end
  end
  return true
end

local function advance(slots, index)
  local kept, requests, amount = {}, 0, 0
  local last = slots[#slots]
  -- The clock went back: what was counted is as old as it was.
  if last and index > -math.huge and last[1] > index + 1 then
    local ahead = last[1] - index
    for _, slot in ipairs(slots) do slot[1] = slot[1] - ahead end
    turned = true
  end
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
local function isMember(member)
  if type(member) ~= "table" or not areNumbers({ member[1], member[3], member[6], member[7] }, 4) then return false end
  if type(member[2]) ~= "string" or type(member[4]) ~= "table" or not areSlots(member[5]) then return false end
  for _, holding in pairs(member[4]) do
    if not areNumbers(holding, 2) then return false end
  end
  return true
end

local function open(key)
  local member = read(key, isMember) or { 0, "", 0, {}, {}, now, 0 }
  local ahead = member[6] - now
  -- The clock went back: what was to end after a time still does.
  if ahead > 1000 then
    if member[1] > 0 then member[1] = math.max(1, member[1] - ahead) end
    member[3] = member[3] - ahead
    for _, holding in pairs(member[4]) do holding[2] = holding[2] - ahead end
    turned = true
  end
  member[6] = now
  member[5] = advance(member[5], math.floor(now / 1000))
  if turned then write(key, member, math.max(61000, redis.call("PTTL", key))) end
  turned = false
  return member
end

local function isProbed(member) return member[2] ~= "" and now < member[3] end

local function hold(member, process, inFlight, lease)
  if member[7] == 0 then member[7] = now end
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
    inFlight, processes, requests, text(tokens), text(member[7])
  }
end

local function save(key, member, lease)
  local left = math.max(61000, lease)
  -- That it failed is kept for a day, so that the first request after a quiet night is a probe.
  if member[1] > 0 then left = math.max(0, member[1] - now) + 86400000 end
  write(key, member, left)
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
local function isSum(sum) return type(sum) == "table" and type(sum[1]) == "number" and areSlots(sum[2]) end
local known = read(KEYS[1], isSum) or { 0, {} }
local slots, _, taken = advance(known[2], index)
if #slots == 0 then known[1] = 0 end
local function answer(tag, at, left)
  local _, _, total = advance(slots, -math.huge)
  return { tag, string.format("%.0f", now), text(total), text(at), text(left), text(known[1]) }
end
local function save()
  known[2] = slots
  write(KEYS[1], known, width * 61)
end
if turned then save() end
if step == "spent" then return answer("ok", 0, 0) end
local at = slot
if step == "settle" then
  correct(slots, index, slot, amount)
else
  local left = wait(slots, width, 0, taken, amount, math.huge, limit)
  if left > 0 then return answer("Refused", 0, left) end
  at = add(slots, index, 0, amount)
end
if known[1] == 0 then known[1] = now end
save()
return answer("Reserved", at, 0)
`
