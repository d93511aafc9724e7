-- The "simple IMIX": of 12 frames 7 are of 64 bytes, 4 of 594 and one of 1518, well mixed.
local common = dofile("common.lua")
local settings = common.settings

local SIZES = { 64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64 }
local UNTAGGED = 1 -- some VLAN must be named; without `vlan` on there is no tag

common.prepare()
-- By a file of Pktgen's own commands: its Lua functions for sequences, as of release 23.06.1, take
-- the frame's number for the port's.
local commands = assert(io.open("imix.pkt", "w"))
local bytes = 0
for i, size in ipairs(SIZES) do
  bytes = bytes + size
  commands:write(string.format("seq %d %s %s %s %s %s/32 %d %d ipv4 udp %d %d\n",
    i - 1, settings.sender, settings.gateway_mac, settings.source_mac, settings.destination_ip,
    settings.source_ip, settings.source_port + i, settings.destination_port, UNTAGGED, size))
end
commands:close()
pktgen.load("imix.pkt")
pktgen.set(settings.sender, "seq_cnt", #SIZES)

local sent, received = common.run(settings.seconds, settings.receiver)
common.report("IMIX", bytes // #SIZES, 100, settings.seconds, sent, received)
common.finish()
