-- ARP requests for the gateway as fast as the port goes, out of the capture file that Pktgen was
-- given for the sender. What comes back to the sender are the answers.
local common = dofile("common.lua")
local settings = common.settings

common.prepare()
pktgen.pcap(settings.sender, "on")
local sent, answered = common.run(settings.seconds, settings.sender)
common.report("ARP storm", 64, 100, settings.seconds, sent, answered)
common.finish()
