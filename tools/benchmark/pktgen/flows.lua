-- 64-byte frames of 16,384 flows: the source port counts up.
local common = dofile("common.lua")
local settings = common.settings

local FLOWS = 16384
local FIRST_PORT = 1024

-- A field that stays as it is.
local function fix(set, value, step)
  for _, what in ipairs({ "start", "min", "max" }) do set(settings.sender, what, value) end
  set(settings.sender, "inc", step)
end

common.prepare()
local range = pktgen.range
range.dst_mac(settings.sender, "start", settings.gateway_mac)
range.src_mac(settings.sender, "start", settings.source_mac)
fix(range.dst_ip, settings.destination_ip, "0.0.0.0")
fix(range.src_ip, settings.source_ip, "0.0.0.0")
range.ip_proto(settings.sender, "udp")
fix(range.dst_port, settings.destination_port, 0)
range.src_port(settings.sender, "start", FIRST_PORT)
range.src_port(settings.sender, "min", FIRST_PORT)
range.src_port(settings.sender, "max", FIRST_PORT + FLOWS - 1)
range.src_port(settings.sender, "inc", 1)
fix(range.ttl, 64, 0)
fix(range.pkt_size, 64, 0)
pktgen.set_range(settings.sender, "on")

local sent, received = common.run(settings.seconds, settings.receiver)
common.report("16 k flows", 64, 100, settings.seconds, sent, received)
pktgen.set_range(settings.sender, "off")
common.finish()
