-- RFC 2544's throughput: for each frame size and each loss that is borne, the highest rate, in
-- percent of the port's, at which no more frames are lost. All trials are reported; the last
-- of each search isn't always the one that passed.
local common = dofile("common.lua")
local settings = common.settings

common.prepare()
for _, size in ipairs(settings.sizes) do
  pktgen.set(settings.sender, "size", size)
  local losses = {} -- in percent, by rate: what one search has tried serves the next

  local function loss_at(rate)
    if losses[rate] == nil then
      pktgen.set(settings.sender, "rate", rate)
      local sent, received = common.run(settings.seconds, settings.receiver)
      common.report("RFC 2544", size, rate, settings.seconds, sent, received)
      losses[rate] = sent > 0 and 100 * (sent - received) / sent or 100
    end
    return losses[rate]
  end

  for _, borne in ipairs(settings.losses) do
    local low, high, rate = 0, 100, 100
    repeat
      if loss_at(rate) <= borne then low = rate else high = rate end
      rate = (low + high) / 2
    until low == 100 or high - low <= settings.resolution
  end
end
common.finish()
