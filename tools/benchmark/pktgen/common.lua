-- What all scripts share. settings.lua lies beside it, made for this run.
local settings = dofile("settings.lua")
local common = { settings = settings }

local results = assert(io.open(settings.results, "a"))

-- The counters that Pktgen hands out are renewed once a second.
local SETTLE_MS = 2500

-- Both ports at rest, and what the sender sends: UDP to the gateway's MAC.
function common.prepare()
  pktgen.screen("off")
  pktgen.stop("all")
  pktgen.set("all", "count", 0) -- without end
  pktgen.set_range("all", "off")
  pktgen.set("all", "seq_cnt", 0)
  pktgen.set_mac(settings.sender, "dst", settings.gateway_mac)
  pktgen.set_mac(settings.sender, "src", settings.source_mac)
  pktgen.set_ipaddr(settings.sender, "dst", settings.destination_ip)
  pktgen.set_ipaddr(settings.sender, "src", settings.source_ip .. "/32")
  pktgen.set_proto(settings.sender, "udp")
  pktgen.set(settings.sender, "sport", settings.source_port)
  pktgen.set(settings.sender, "dport", settings.destination_port)
  pktgen.set(settings.sender, "size", 64)
  pktgen.set(settings.sender, "rate", 100)
end

-- Sends for so many seconds. Returns how many frames left the sender and how many came to `receiver`.
function common.run(seconds, receiver)
  pktgen.clr()
  pktgen.delay(SETTLE_MS)
  pktgen.start(settings.sender)
  pktgen.delay(math.floor(seconds * 1000))
  pktgen.stop(settings.sender)
  pktgen.delay(SETTLE_MS)
  local sent = pktgen.portStats(settings.sender, "port")[tonumber(settings.sender)].opackets
  local received = pktgen.portStats(receiver, "port")[tonumber(receiver)].ipackets
  return sent, received
end

-- One line of JSON a trial.
function common.report(name, size, rate, seconds, sent, received)
  results:write(string.format(
    '{"name": "%s", "size": %d, "rate": %.4f, "seconds": %g, "sent": %d, "received": %d}\n',
    name, size, rate, seconds, sent, received))
  results:flush()
end

function common.finish()
  results:close()
  pktgen.quit()
end

return common
